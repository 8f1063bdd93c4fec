"""Balances of modalities: what keeps one of them from winning a training."""
