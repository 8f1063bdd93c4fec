"""Heads over fused features."""
