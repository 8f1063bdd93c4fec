"""Encoders of mixtures, voices and faces, audio-visual fusion, mask head, and the head of the lip-reading stage."""
