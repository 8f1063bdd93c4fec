"""The plugin's front door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mmx_speech2face
from mmx.registry.registry import Registrar, Registry
from mmx.registry.schema import signature

ROOT = Path(__file__).parents[3]


def registry() -> Registry:
    found = Registry()
    mmx_speech2face.mmx_register(Registrar(found, "speech2face", "mmx 0"))
    return found


def test_every_component_can_be_loaded_and_describes_itself() -> None:
    entries = list(registry().entries())
    assert {entry.kind for entry in entries} == {"encoder", "head", "objective", "task"}
    for entry in entries:
        assert callable(entry.load())
        known = signature(entry.target)
        assert known.summary.endswith("."), entry.name
        for name, parameter in known.params.items():
            assert parameter.help or parameter.filled or parameter.kind, f"{entry.name}: {name} has no help"


def test_the_card_says_that_it_identifies_nobody_and_names_harms() -> None:
    card = mmx_speech2face.CARD
    assert card.authors
    assert card.year == 2019
    assert card.url.startswith("https://arxiv.org/")
    assert card.licence
    assert card.deviations
    predicted = " ".join(card.caveats)
    for word in ("average-looking", "identifies nobody", "by group", "consent", "synthesised"):
        assert word in predicted


def test_nothing_here_is_called_identification() -> None:
    names = [entry.name for entry in registry().entries()]
    assert not [name for name in names if "identif" in name]


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, mmx_speech2face; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
