"""SoundNet's raw-waveform networks, its two classifiers, and the autoencoder that it is compared with."""
