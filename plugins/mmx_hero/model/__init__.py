"""HERO's hierarchical transformer, its encoders of subtitles and frames, its heads and its caption decoder."""
