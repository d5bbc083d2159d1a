"""Alih: which way should I adapt this model to my data, and what does each way cost? Measured."""

__version__ = "0.1.0"
