"""`mmx ls`: what it lists, and what it does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mmx.cli.ls import command
from mmx.errors import UnknownNameError, UserError
from mmx.registry.registry import Entry
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


def ls(workplace: Workplace, *arguments: str) -> Result:
    workplace.open()
    return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def test_lists_experiments(workplace: Workplace) -> None:
    result = ls(workplace)
    header, row = result.stdout.splitlines()
    assert header.split() == ["name", "year", "presets", "seconds", "plugin", "summary"]
    assert row.split() == ["hear", "2016", "2", "not", "measured", "mmx", "Learn", "to", "hear"]
    assert result.stderr == ""


@pytest.mark.parametrize("kind", ["encoders", "encoder"])
def test_lists_components_with_the_first_line_of_their_docstring(workplace: Workplace, kind: str) -> None:
    lines = ls(workplace, kind).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "toy/conv", "toy/frames", "toy/mel"]
    assert lines[1].rstrip().endswith("Convolutions over a waveform.")


def test_json(workplace: Workplace) -> None:
    (row,) = json.loads(ls(workplace, "--json").stdout)
    assert row["name"] == "hear" and row["presets"] == ["smoke", "paper"]
    everything = json.loads(ls(workplace, "all", "--json").stdout)
    assert [row["name"] for row in everything["corpora"]] == ["std/manifest", "toy/clips"]
    assert everything["assets"] == []
    assert set(everything) >= {"experiments", "encoders", "tasks", "schedules"}


def test_a_suite_is_listed_in_its_order(workplace: Workplace) -> None:
    workplace.shipped += "  see: {extends: hear, summary: Learn to see}\nsuites: {both: [see, hear]}\n"
    assert [line.split()[0] for line in ls(workplace, "--suite", "both").stdout.splitlines()] == ["name", "see", "hear"]
    with pytest.raises(UserError, match=r"a suite is a list of experiments, not of tasks: mmx ls --suite both"):
        ls(workplace, "tasks", "--suite", "both")


def test_everything(workplace: Workplace) -> None:
    output = ls(workplace, "all").stdout
    assert "objectives:\n" in output and "assets: none" in output


def test_broken_things_say_so_and_hide_nothing(workplace: Workplace) -> None:
    workplace.user = "experiments: {lost: {extends: nowhere}}"
    workplace.plugin_files = {"bad": "experiments: ["}
    workplace.plugins.registry.add(Entry("task", "toy/gone", "tests.core.toys.gone:Gone", "toy", "toys 1.0"))
    result = ls(workplace)
    assert "broken: registry.yaml:1:22: extends: no experiment 'nowhere'" in result.stdout
    assert "Learn to hear" in result.stdout
    assert result.stderr.startswith("warning: plugin 'bad': mmx_bad/experiments.yaml:")
    tasks = ls(workplace, "tasks").stdout
    assert "toy/judge" in tasks and "broken: tests.core.toys.gone:Gone: cannot import" in tasks


def test_text_of_strangers_is_shown_as_it_is(workplace: Workplace) -> None:
    workplace.user = 'experiments: {loud: {extends: hear, summary: "[bold red]x[/]\\e[31m"}}'
    assert "[bold red]x[/]\\x1b[31m" in ls(workplace).stdout


def test_unknown_kind(workplace: Workplace) -> None:
    with pytest.raises(
        UnknownNameError, match=r"nothing of kind 'encodrs'; did you mean 'encoders'\?; mmx ls lists: exp"
    ):
        ls(workplace, "encodrs")


@pytest.mark.parametrize("kind", ["experiments", "encoders", "all"])
def test_imports_neither_heavy_libraries_nor_pydantic(tmp_path: Path, kind: str) -> None:
    code = f"""
import sys
from mmx.cli import main
assert main(["ls", {kind!r}, "--json"]) == 0
heavy = {{"torch", "numpy", "mlflow", "transformers", "pydantic", "rich", "mmx.config.experiment"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
