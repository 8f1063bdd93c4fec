"""Speech synthesis: phonemes, pitch, and when each phoneme is spoken."""
