"""VATT's evaluation: retrieval between modalities, linear probes and figures."""
