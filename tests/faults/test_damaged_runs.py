"""Run folders whose report or journal was edited by hand: what is wrong costs its row, and no command its others."""

from __future__ import annotations

import copy
import json
import random
import shutil
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmx.cli import main
from mmx.types import Metric
from tests.core.saved import saved

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, float("inf"), float("-inf"), float("nan"), 10**400, 10**30, "", "x\x1b[2J", "<script>",
    "[bold]x[/bold]", "[/]", [], [1], [[[]]], {}, {"a": {}}, "9" * 5000, "\ud800", "../../x", 1.5,
)  # fmt: skip
METRICS = (
    Metric(
        "accuracy", 0.5, ci95=(0.4, 0.6), chance=0.1, untrained=0.2,
        baselines={"b": 0.3}, controls={"c": 0.2}, references={"r": 0.9},
    ),
    Metric("loss", 1.0, better="lower"),
)  # fmt: skip
ALWAYS = (
    ("report", ("seed",), float("inf")),
    ("report", ("seed",), float("nan")),
    ("journal", (1, "status"), "\ud800"),
)
"""What once ended a command."""
DRAWN = 150


def places(tree: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every value of nested mappings and lists."""
    yield place
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*place, key))


def put(tree: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """Return a copy of a tree with another value at a place."""
    if not place:
        return value
    tree = copy.deepcopy(tree)
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return tree


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of runs: one that is whole, and one for each drawn way of damage."""
    runs = tmp_path / "runs"
    whole = saved(runs / "shapes" / "whole", METRICS)
    report = json.loads((whole / "report.json").read_text())
    lines = [json.loads(line) for line in (whole / "journal.jsonl").read_text().splitlines()]
    lines += [{"event": "metrics", "time": float(k), "step": k, "values": {"train/fit/loss": 1.0}} for k in (1, 2)]
    every = [("report", place, value) for place in places(report) for value in ODD]
    every += [("journal", place, value) for place in places(lines) for value in ODD]
    for number, (file, place, value) in enumerate([*ALWAYS, *random.Random(16).sample(every, DRAWN)]):
        folder = runs / "shapes" / f"damaged{number:03}"
        shutil.copytree(whole, folder)
        if file == "report":
            (folder / "report.json").write_text(json.dumps(put(report, place, value)))
        else:
            told = put(lines, place, value)
            told = "\n".join(map(json.dumps, told if isinstance(told, list) else [told]))
            (folder / "journal.jsonl").write_text(f"{told}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda *arguments, **named: True)
    return runs


def test_lists_comparisons_and_the_page_go_on_without_what_is_damaged(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = sorted(path.name for path in runs.glob("shapes/damaged*"))
    for arguments in (["runs"], ["runs", "--json"], ["open"]):
        assert main(arguments) == 0, (arguments, capsys.readouterr().err)
    told = capsys.readouterr().out
    assert all(name in told for name in ["whole", *damaged])
    assert all(name in (runs / "index.html").read_text() for name in ["whole", *damaged])
    assert "\x1b[2J" not in told and "<script>x" not in (runs / "index.html").read_text()
    for name in damaged:
        code = main(["compare", "whole", name])
        said = capsys.readouterr()
        assert code in (0, 1, 2) and "--debug" not in said.err, (name, said.err)
        assert "accuracy" in said.out if code == 0 else name in said.err, (name, said.err)
        assert "\x1b[2J" not in said.out + said.err
