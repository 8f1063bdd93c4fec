"""Runs from Python: started, found, used as a model, and shown in notebooks.

Surface: display, loaded.
"""
