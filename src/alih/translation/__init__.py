"""Translation: pairs of sentences read, cleaned and split."""
