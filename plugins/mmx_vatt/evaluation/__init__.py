"""Zero-shot retrieval and linear probes as one task, with windows over long items and figures."""
