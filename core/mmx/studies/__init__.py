"""Several runs together: sweeps, tests over seeds, paired differences, comparisons.

Surface: comparison, comparison_html, environment_diff, pairing, results, seed_test, sweep.
"""
