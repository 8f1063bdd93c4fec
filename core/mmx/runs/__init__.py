"""One run from its folder to its result, and whatever reads a run again: history, prediction, re-evaluation.

Surface: caveats, context, environment_diff, evaluate, history, loaded, prediction, progress, reevaluate, session.
"""
