"""MuLan's evaluation: zero-shot tagging, probe, retrieval, triplets and figures."""
