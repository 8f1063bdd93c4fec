"""Comparison of a user's video or audio with texts, over windows of any length of file."""
