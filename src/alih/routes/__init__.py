"""The ways of adapting a model, one file each."""
