"""What every other room leans on and what knows none of them: text, files, seeds, secrets, signals, compatibility.

Surface: compat, files, redact, run_files, seeding, signals, text, threads.
"""
