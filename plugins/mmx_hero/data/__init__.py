"""Items with precomputed features of frames, and queries whose moments several annotators gave."""
