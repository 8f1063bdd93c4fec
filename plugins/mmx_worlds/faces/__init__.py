"""Drawn faces and talking heads, and the landmarks of what was drawn."""
