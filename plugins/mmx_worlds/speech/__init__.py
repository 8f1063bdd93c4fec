"""Synthetic speech: words to phonemes with times, melody, and a waveform by source and filter or recorded units."""
