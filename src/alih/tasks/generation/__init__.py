"""Text generation: instructions with answers, conversations, prompt and completion, or plain texts."""
