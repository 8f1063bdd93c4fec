"""Mixtures of voices with the faces that speak, drawn or from a frozen list, and strips of those faces."""
