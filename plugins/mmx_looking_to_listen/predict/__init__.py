"""Separation of a user's video: face detection, tracks, boxes, and windows."""
