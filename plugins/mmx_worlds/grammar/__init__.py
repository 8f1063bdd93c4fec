"""Texts with known rules: words whose relations are the columns of a table."""
