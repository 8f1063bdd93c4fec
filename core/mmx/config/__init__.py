"""Configuration: YAML with positions, merged layers, overrides, and the resolved experiment.

Every value keeps its origin, and all problems are reported at once.
"""
