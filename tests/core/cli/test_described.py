"""`--help` after an experiment's name says what that experiment is, and what it is not for."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import mmx.runs.caveats
from mmx.cli import run, show
from mmx.errors import ConfigError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


@pytest.mark.parametrize("command", [run.command, show.command], ids=["run", "show"])
def test_help_of_a_named_experiment_has_its_limits(
    command: object, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace.open()
    monkeypatch.setattr(mmx.runs.caveats, "caveats", lambda plugins, experiment: ["Identifies nobody."])
    output = CliRunner().invoke(command, ["hear", "encoders.audio.width=2", "--help"]).output
    assert "Usage:" in output
    assert "This experiment:" in output
    assert "Identifies nobody." in output


def test_plain_help_is_as_ever(workplace: Workplace) -> None:
    workplace.open()
    for arguments in (["--help"], ["nothing-like-it", "--help"]):
        done = CliRunner().invoke(run.command, arguments)
        assert done.exit_code == 0
        assert "Usage:" in done.output
        assert "This experiment" not in done.output


def test_help_is_there_also_where_files_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(ctx: object) -> None:
        raise ConfigError(["registry.yaml:1:1: wrong"])

    monkeypatch.setattr("mmx.cli.described.open_catalog", broken)
    done = CliRunner().invoke(run.command, ["hear", "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output
