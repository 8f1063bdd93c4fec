"""Re-exports a component under another name, relatively."""

from .parts import Conv as Renamed

__all__ = ["Renamed"]
