"""Judgement of answers: how annotators are counted, and what stands beside the model."""
