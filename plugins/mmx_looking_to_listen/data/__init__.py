"""Corpora of mixtures, of face strips, and of a user's folder of talking heads."""
