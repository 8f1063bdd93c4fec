"""`worlds/episodes`: multi-shot videos with subtitles and questions."""
