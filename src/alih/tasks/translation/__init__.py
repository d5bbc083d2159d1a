"""Translation as a task of the engine: pairs of sentences, and models with an encoder and a decoder."""
