"""Options that `sweep` and `prove` share: their names, kinds and defaults."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mmx.cli import many_runs, prove, sweep


@click.command()
@many_runs.options
def echo(jobs: int, runs: Path, no_tracking: bool, dry_run: bool) -> None:
    click.echo(f"{jobs} {runs.name} {no_tracking} {dry_run}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("", "1 runs False False"), ("--jobs 3 --runs a/b --no-tracking --dry-run", "3 b True True")],
)
def test_what_is_typed_arrives(arguments: str, told: str) -> None:
    assert CliRunner().invoke(echo, arguments.split()).output == f"{told}\n"


def test_no_runs_at_the_same_time_are_refused() -> None:
    assert CliRunner().invoke(echo, ["--jobs", "0"]).exit_code == 2


@pytest.mark.parametrize("command", [prove.command, sweep.command])
def test_both_commands_have_them_once(command: click.Command) -> None:
    names = [parameter.name for parameter in command.params]
    assert [names.count(name) for name in ("jobs", "runs", "no_tracking", "dry_run")] == [1, 1, 1, 1]
