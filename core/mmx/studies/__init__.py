"""Several runs together: sweeps, comparisons of seeds and controls, runs side by side."""
