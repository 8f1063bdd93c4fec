"""What `docs/build.py` fills pages with: one module per subject, each function returns Markdown read from the code."""

from __future__ import annotations
