"""The one training loop, and the frozen part computed once."""
