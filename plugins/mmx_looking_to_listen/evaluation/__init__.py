"""Separation as a task: signal-to-distortion metrics, oracles, controls with exchanged faces, figures."""
