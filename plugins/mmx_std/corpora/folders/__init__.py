"""Corpora of folders with a known layout: sets of sounds, talking heads, precomputed features."""
