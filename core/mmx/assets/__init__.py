"""Weights and data from ordinary packages: pinned, downloaded, checked, converted once, cached.

Surface: converters, safe_unpickle, store.
"""
