"""Fine-tuning an embedding model on questions with the passages that answer them."""
