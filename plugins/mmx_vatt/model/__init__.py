"""VATT's tokenisers of raw video, audio and text, its transformers, and the common spaces."""
