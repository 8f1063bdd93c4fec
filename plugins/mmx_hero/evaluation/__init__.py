"""Moment retrieval, question answering and captioning as tasks, with their metrics and figures."""
