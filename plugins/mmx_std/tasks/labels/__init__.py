"""Tasks on labels of items."""
