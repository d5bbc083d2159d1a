"""Measures how well a library finds and answers, on the user's own questions, without an outside judge."""
