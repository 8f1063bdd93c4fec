"""`worlds/episodes`: video of several shots with subtitles, of which neither tells the story alone."""
