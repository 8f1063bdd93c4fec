"""Real photos, recordings and music, with captions and classes."""
