"""The plugin's front door."""

from __future__ import annotations

import subprocess
import sys

import mmx_looking_to_listen
from mmx.registry.registry import Registrar, Registry
from mmx.registry.schema import signature


def registry() -> Registry:
    found = Registry()
    mmx_looking_to_listen.mmx_register(Registrar(found, "looking_to_listen", "mmx 0"))
    return found


def test_every_component_can_be_loaded_and_describes_itself() -> None:
    entries = list(registry().entries())
    assert {entry.kind for entry in entries} == {"encoder", "fuser", "head", "objective", "task"}
    for entry in entries:
        assert callable(entry.load())
        known = signature(entry.target)
        assert known.summary.endswith("."), entry.name
        for name, parameter in known.params.items():
            assert parameter.help or parameter.filled or parameter.kind, f"{entry.name}: {name} has no help"


def test_the_card_is_complete() -> None:
    card = mmx_looking_to_listen.CARD
    assert card.authors
    assert card.year == 2018
    assert card.url.startswith("https://arxiv.org/")
    assert card.licence
    assert card.deviations
    assert any("synthetic" in limit for limit in card.caveats)


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, mmx_looking_to_listen; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
