"""Classification and retrieval as tasks, with the metrics, probes and plots that papers share."""
