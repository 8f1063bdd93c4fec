"""Data: pairs whose captions are partly wrong, what a captioner and a filter make of them, and dialogues."""
