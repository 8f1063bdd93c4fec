"""Heads over one named input."""
