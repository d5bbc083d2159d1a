"""Metrics as sums over examples, and the paired bootstrap that says how sure they are."""
