"""Retrieval-augmented generation: documents in, cited answers out."""
