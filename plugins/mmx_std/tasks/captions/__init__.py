"""Captions: the task, its measures, and attention word by word."""
