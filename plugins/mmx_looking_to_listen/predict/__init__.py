"""Separation of a user's own video: face detection, tracks, overlapping windows."""
