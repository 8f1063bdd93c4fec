"""Plugins: hooks, discovery, guarded loading, their commands, and the template of a new one.

A plugin that does not work costs one line, never the program.
"""
