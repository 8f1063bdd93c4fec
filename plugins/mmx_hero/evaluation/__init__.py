"""HERO's evaluation: moments, answers and captions, with their metrics and figures."""
