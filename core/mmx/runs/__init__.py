"""One run from its folder to its result, and what reads runs again. Surface: caveats, environment_diff, evaluate,
history, index_page, loaded, overview, prediction, progress, reevaluate, session.
"""
