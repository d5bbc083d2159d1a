"""Trials, the decision drawn from them, and the report."""
