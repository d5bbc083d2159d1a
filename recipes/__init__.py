"""How the built-in weights were made; no part of the installed package (see README.md here)."""
