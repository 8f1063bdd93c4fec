"""Checks of one part alone: an encoder, a fuser, a head, an objective, a corpus, on random values of its own shapes."""
