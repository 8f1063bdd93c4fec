"""Loaders of public weights, and the class names of ImageNet."""
