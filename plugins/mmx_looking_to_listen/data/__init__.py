"""Mixtures of several speakers with known clean voices, from talking heads or a user's folder."""
