"""Tasks about modalities: one that is missing, one that runs ahead, two that contradict each other."""
