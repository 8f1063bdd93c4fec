"""Objectives: prediction, contrast, and combinations of them."""
