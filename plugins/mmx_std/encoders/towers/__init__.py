"""Transformer towers over patches of any modality."""
