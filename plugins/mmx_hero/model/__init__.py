"""HERO's network: text rows, frame features, the two transformers and the heads."""
