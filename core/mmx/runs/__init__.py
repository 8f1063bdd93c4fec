"""One run from its folder to its result, and whatever reads a run again: history, prediction, re-evaluation.

Surface: caveats, environment_diff, evaluate, history, index, listed, loaded, prediction, progress, reevaluate, session.
"""
