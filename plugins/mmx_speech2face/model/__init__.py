"""Voice and face encoders, attribute heads, and the face decoder."""
