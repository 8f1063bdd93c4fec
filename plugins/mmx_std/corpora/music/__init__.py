"""The words of music: how facts of a tune are called, and the labels of a catalogue."""
