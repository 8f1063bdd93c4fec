"""`worlds/scenes`: narrated videos of moving things with sound."""
