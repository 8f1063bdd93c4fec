"""Generic tasks, with their metrics, controls and figures."""
