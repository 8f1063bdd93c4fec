"""Names of the files and folders inside a run folder."""

from __future__ import annotations

from typing import Final

CONFIG: Final = "config.yaml"
"""The resolved experiment; what is needed to build the model again."""
JOURNAL: Final = "journal.jsonl"
"""Every number of the run and how it ended, one entry per line."""
CHECKPOINT: Final = "checkpoint"
"""Folder of weights and training state."""
MEANING: Final = "meaning.json"
"""Fields, class names and digests of the data that the model was made from: what its outputs mean."""
MEANING_STATE: Final = "meaning.safetensors"
"""What parts of the model computed from the corpus before they were trained: vocabularies, statistics."""
REPORT: Final = "report.json"
"""The judgement for machines."""
PAGE: Final = "report.html"
"""The judgement for people."""
MEDIA: Final = "media"
"""Folder of figures and players of the report, and of what tasks and hooks write."""
PREDICTIONS: Final = "predictions.json"
"""What the model predicted for each judged item."""
ERROR: Final = "error.txt"
"""Traceback of a run that failed."""
GIT_DIFF: Final = "git.diff"
"""Changes of the working tree that the commit does not hold."""
