"""Encoders of images, audio, video, text and signals."""
