"""Networks of segments, and the fusion of what they find."""
