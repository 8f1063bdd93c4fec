"""The whole kit on a new package, and on one in which a fault was planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import UnknownNameError
from mmx.testing.kit import plugin_checks
from tests.core.testing.packages import opened, package


def outcome(folder: Path, name: str, *, runs: bool = False) -> tuple[list[str], list[str]]:
    """Return what holds and what does not, as text."""
    found = [each for check in plugin_checks(opened(folder), name, runs=runs) for each in check.findings()]
    return [each.what for each in found if each.ok], [f"{each.what}: {each.detail}" for each in found if not each.ok]


def test_a_new_package_passes(tmp_path: Path) -> None:
    held, failed = outcome(package(tmp_path, "kit_fine", "corpus"), "kit_fine", runs=True)
    assert failed == []
    assert "run of kit_fine (smoke): report" in held


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


FAULTS = {
    "a": ("__init__.py", 'summary="Classify', 'summary="" and "Classify', "card: empty: summary"),
    "b": ("__init__.py", "model:Tower", "model:Towr", "has no 'Towr'; did you mean 'Tower'"),
    "c": ("experiments.yaml", "steps: 200", "stepps: 200", "stepps: "),
    "d": ("experiments.yaml", "      smoke:", "      quick:", "has a preset smoke: add presets"),
    "e": ("model.py", "mask_BT is None else mask_BT", "mask_BT is None else mask_BT | True", "padding does not count"),
    "f": ("__init__.py", "MMX_API = 1", "MMX_API = 7", "written for plugin API 7"),
    "g": ("__init__.py", "MMX_API = 1", "MMX_API = 1\nprint('hello')", "prints while it is imported: 'hello'"),
    "h": ("experiments.yaml", "trains: [encoders, heads]", "trains: [nothing]", "no part 'nothing'; there are: "),
    "j": (
        "model.py",
        "width: Annotated",
        "field: Annotated",
        "parameter field is a key of mmx's own in YAML; rename it",
    ),
    "k": (
        "__init__.py",
        "@hookimpl\ndef mmx_experiments",
        '@hookimpl\ndef mmx_commands(commands):\n    commands.add("kit-k", "mmx_kit_k.model:Tower", "X.")\n\n\n'
        "@hookimpl\ndef mmx_experiments",
        "mmx_kit_k.model:Tower is no click command but a type",
    ),
    "l": (
        "experiments.yaml",
        "use: std/signal,",
        "use: std/signl,",
        "std/signl",
    ),
    "i": ("model.py", "= 64,\n", "= -64,\n", "default of width"),
}


@pytest.mark.parametrize("letter", FAULTS)
def test_a_planted_fault_is_found(letter: str, tmp_path: Path) -> None:
    file, old, new, told = FAULTS[letter]
    name = f"kit_{letter}"
    folder = package(tmp_path, name)
    replace(folder / f"mmx_{name}" / file, old, new)
    _, failed = outcome(folder, name)
    assert any(told in line for line in failed), failed


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no plugin 'kit_lst'; did you mean 'kit_list'"):
        plugin_checks(opened(package(tmp_path, "kit_list")), "kit_lst")
