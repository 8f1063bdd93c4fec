"""Drawn faces and their landmarks."""
