"""Fusers of pooled features: none, concatenation, ensemble, gates, projection."""
