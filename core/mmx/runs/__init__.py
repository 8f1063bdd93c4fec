"""Runs from their folders to their results, and whatever reads them again: history, prediction, re-evaluation.

Surface: browse, caveats context evaluate history index listed prediction progress reevaluate session.
"""
