"""Corpora of a user's own files, as manifests or tar shards."""
