"""A new package of `mmx new` in a folder, opened as a local plugin."""

from __future__ import annotations

from pathlib import Path

from mmx.config.catalog import Catalog
from mmx.plugins.scaffold import Package, write


def package(folder: Path, name: str, kind: str = "component") -> Path:
    """Write a package and return its folder."""
    write(folder / name, Package(name, kind, "MIT", "", 2031, "0.1"))
    return folder / name


def opened(folder: Path) -> Catalog:
    """Open the catalog with that package."""
    return Catalog.open(folder, plugin_dirs=[folder])
