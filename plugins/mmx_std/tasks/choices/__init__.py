"""Judgement of one choice among a few candidates: multiple choice, and the ranking of a dialogue's answers."""
