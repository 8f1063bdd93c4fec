"""Foundations of all other rooms: text, files, seeds, secrets, signals, memory, compatibility; they depend on none.

Surface: compat, files, memory, redact, run_files, seeding, signals, text, threads.
"""
