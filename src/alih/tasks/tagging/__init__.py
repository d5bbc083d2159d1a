"""Tagging: named entities, parts of speech."""
