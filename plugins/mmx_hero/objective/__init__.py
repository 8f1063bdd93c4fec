"""HERO's pre-training tasks, moment retrieval, question answering and captioning as losses."""
