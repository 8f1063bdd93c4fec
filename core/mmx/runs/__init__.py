"""Runs from their folders to their results, and whatever reads them again: history, prediction, re-evaluation.

Surface: caveats context environment_diff evaluate history index listed loaded prediction progress reevaluate session.
"""
