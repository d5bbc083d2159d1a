"""Language models that generate text: the built-in one, tokens, prompts."""
