"""Zero-shot tagging, retrieval of playlists and text triplets as one task, with baselines and figures."""
