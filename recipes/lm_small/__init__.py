"""The recipe of the small built-in language model alih/lm-small."""
