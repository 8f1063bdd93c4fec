"""mmx: a plugin-based registry of multimodal experiments."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmx import compat

if TYPE_CHECKING:
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

compat.install()


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `mmx --help` needs neither pluggy nor the types."""
    if name not in __all__:
        raise AttributeError(f"module 'mmx' has no attribute {name!r}")
    value = getattr(import_module("mmx.hookspecs" if name in ("MMX_API", "hookimpl") else "mmx.types"), name)
    globals()[name] = value
    return value
