"""Tar shards in the WebDataset layout: reading, indexing and writing."""
