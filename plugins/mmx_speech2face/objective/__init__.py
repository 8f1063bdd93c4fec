"""Objectives of the face network, the attribute classifier, the decoder and the voice encoder."""
