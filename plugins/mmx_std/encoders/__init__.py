"""Encoders of audio, images, video, text and signals, their front ends and tokenizers."""
