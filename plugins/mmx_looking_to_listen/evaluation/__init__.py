"""Judgement of separated voices: metrics, controls, ideal masks, figures and players."""
