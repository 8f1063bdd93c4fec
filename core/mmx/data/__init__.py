"""Samples on their way to the model: lazy splits, order, guarded reading, collation, cached features."""
