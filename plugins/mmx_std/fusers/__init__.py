"""Fusers of pooled features."""
