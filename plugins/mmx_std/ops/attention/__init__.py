"""Transformer layers, positions and patches."""
