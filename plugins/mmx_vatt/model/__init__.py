"""VATT's network: tokenisers, transformers, common spaces and their fusion."""
