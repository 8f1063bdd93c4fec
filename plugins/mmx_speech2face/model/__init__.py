"""The voice encoder, the face network that it imitates, and the decoder from a face feature to a face."""
