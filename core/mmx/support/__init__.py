"""Foundations of all other rooms, dependent on none of them: text, files, seeds, secrets, signals, compatibility.

Surface: compat, files, redact, run_files, seeding, signals, text, threads.
"""
