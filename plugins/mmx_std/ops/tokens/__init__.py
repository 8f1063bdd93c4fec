"""Sequences of tokens: patches, positions, transformer layers."""
