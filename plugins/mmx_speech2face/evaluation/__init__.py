"""Retrieval, attributes and craniofacial measures as one task, by group, beside baselines and controls."""
