"""mmx: a plugin-based registry of multimodal experiments."""

from __future__ import annotations

from mmx.hookspecs import MMX_API, hookimpl
from mmx.types import Audio, Batch, Card, Features, Losses, Outputs, Sample, Signal, Video

__version__ = "0.1.0"

__all__ = [
    "MMX_API",
    "Audio",
    "Batch",
    "Card",
    "Features",
    "Losses",
    "Outputs",
    "Sample",
    "Signal",
    "Video",
    "__version__",
    "hookimpl",
]
