"""Objectives over one prediction or over pairs, and combinations of objectives."""
