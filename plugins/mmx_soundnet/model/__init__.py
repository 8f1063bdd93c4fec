"""Encoders of raw waveforms, the two-headed classifier, and the autoencoder baseline."""
