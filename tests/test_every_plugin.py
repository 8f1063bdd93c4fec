"""The conformance kit on every first-party plugin: what authors are held to, we are held to.

Plugins are found by their entry points. What parts need to be told stands in `tests/plugins/mmx_<name>/conformance.py`:
`CASES`, parameters by component, and `RAWS`, raw values by modality.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from mmx.plugins.discovery import installed
from mmx.testing import plugin_tests

ROOT = Path(__file__).parents[1]
NAMES = sorted(entry.name for entry in installed() if entry.built_in)
SAID = "conformance.py"


def said(name: str) -> dict[str, Any]:
    """Return what a plugin's own file tells the kit."""
    if not (ROOT / "tests" / "plugins" / f"mmx_{name}" / SAID).is_file():
        return {}
    module = import_module(f"tests.plugins.mmx_{name}.conformance")
    return {key: getattr(module, key.upper()) for key in ("cases", "raws") if hasattr(module, key.upper())}


globals().update({f"test_{name}": plugin_tests(name, **said(name)) for name in NAMES})


def test_every_folder_of_plugins_has_an_entry_point() -> None:
    assert {path.name.removeprefix("mmx_") for path in (ROOT / "plugins").glob("mmx_*")} == set(NAMES)


def test_every_conformance_file_belongs_to_a_plugin() -> None:
    files = (ROOT / "tests" / "plugins").glob(f"*/{SAID}")
    assert {path.parent.name.removeprefix("mmx_") for path in files} <= set(NAMES)
