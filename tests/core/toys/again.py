"""Re-exports a component under another name, relatively."""

from tests.core.parts import Conv as Renamed

__all__ = ["Renamed"]
