"""Retrieval: an embedding model adapted to questions and the passages that answer them."""
