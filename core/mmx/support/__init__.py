"""Support that every room uses: text, files, seeds, signals, redaction, names of the files of a run.

Depends on nothing in mmx but `errors`.
"""
