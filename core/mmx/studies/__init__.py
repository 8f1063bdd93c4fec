"""Several runs together: sweeps, tests over seeds, paired differences, comparisons.

Surface: comparison, comparison_html, pairing, results, seed_test, sweep.
"""
