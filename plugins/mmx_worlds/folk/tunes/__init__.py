"""Tunes in notation: reading, beats, repeats, harmony and procedural generation."""
