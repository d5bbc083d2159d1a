"""One label, several labels, or a number for texts, pairs of texts and pictures."""
