"""Retrieval: how well one side of a pair finds the other among all candidates."""
