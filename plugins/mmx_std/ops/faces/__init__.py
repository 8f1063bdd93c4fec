"""Faces of videos: boxes over time, a detector, and the tracks of its detections."""
