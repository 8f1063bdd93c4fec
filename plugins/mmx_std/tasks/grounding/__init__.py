"""Phrases and the boxes that they name: the task, its measures, simple methods, and figures."""
