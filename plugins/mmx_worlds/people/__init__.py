"""Synthetic people with known causes shared by voice and face."""
