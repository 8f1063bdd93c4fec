"""Heads that write: recurrent decoders, and the search for what they write."""
