"""`mmx run`: what is refused before anything is computed, what is found to resume, and the plan."""

from __future__ import annotations

import errno
import re
import signal
from pathlib import Path

import click
import pytest
from torch import nn

from mmx.cli import main
from mmx.cli.run import conclude
from mmx.support.signals import Interrupted
from mmx.training.checkpoint import save
from mmx.types import Report

EXPERIMENT = """
experiments:
  shapes:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 32, test_clips: 16}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages: [{name: fit, steps: 2, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}]
    task: {use: classification, target: object}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "registry.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "which experiment? mmx run NAME; see: mmx ls"),
        (["run", "shaeps"], "no experiment 'shaeps'; did you mean 'shapes'?"),
        (["run", "shapes", "--preset", "smok"], "no preset 'smok'"),
        (["run", "shapes", "stages.fit.steps=few"], "stages.fit.steps"),
        (["run", "shapes", "--resume", "latest"], "no run 'latest' under runs"),
        (["run", "shapes", "--seed", "-1"], "--seed"),
        (["run", "stages.fit.steps=3"], "which experiment? mmx run NAME"),
        (["run", "--resume", "latest", "stages.fit.steps=3"], "no KEY=VALUE, --suite, --preset, --seed or --device"),
    ],
)
def test_mistakes_cost_nothing(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_a_dry_run_says_what_would_happen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "shapes", "--dry-run", "stages.fit.steps=7"]) == 0
    printed = capsys.readouterr().out
    assert "fit: 7 steps x 32 on std/cross-entropy, trains heads" in printed
    assert "measured  never: no result of preset default is stored" in printed
    assert not (folder / "runs").exists()


def test_a_run_ends_with_its_verdict_report_and_link(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "shapes", "-q", "--seed", "5"]) == 0
    printed = capsys.readouterr().out
    assert re.search(
        r"^verdict: .*\(16 of 16 items judged\)\nreport:  (runs/shapes/.*/report\.html)\nmlflow: ", printed, re.M
    )
    (run,) = (folder / "runs" / "shapes").iterdir()
    assert "seed: 5" in (run / "config.yaml").read_text()
    assert f"shapes/{run.name}/report.html" in (folder / "runs" / "index.html").read_text()


def test_a_verdict_on_a_stand_in_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conclude(tmp_path, Report([], 4, 5, stand_in="made-up tunes"), "learned", quiet=True)
    assert "verdict: learned, on a stand-in: made-up tunes (4 of 5 items judged)" in capsys.readouterr().out


def test_what_was_left_out_stands_below_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report([], 14, 14, left_out=["55 of 81 queries are judged: lines=4 leaves out those beyond it."])
    conclude(tmp_path, report, "learned", quiet=True)
    verdict, left_out, *_ = capsys.readouterr().out.splitlines()
    assert verdict == "verdict: learned (14 of 14 items judged)"
    assert left_out == "left out: 55 of 81 queries are judged: lines=4 leaves out those beyond it"


def test_resuming_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "runs" / "shapes" / "1").mkdir(parents=True)
    (folder / "runs" / "shapes" / "1" / "config.yaml").touch()
    assert main(["run", "--resume", "1", "--seed", "3"]) == 2
    assert "--resume continues a run as it was" in capsys.readouterr().err


@pytest.mark.parametrize("saved", ["just now", "before", "never"])
def test_a_run_that_is_stopped_says_how_to_go_on(
    folder: Path, saved: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only where there is something to continue from is it promised."""

    def stop(resolved: object, plugins: object, run: Path, *rest: object, **more: object) -> None:
        if saved != "never":
            save(run / "checkpoint", nn.Linear(1, 1), {})
        raise Interrupted(signal.SIGINT, saved=saved == "just now")

    monkeypatch.setattr("mmx.runs.session.execute", stop)
    with pytest.raises(SystemExit) as stopped:
        main(["run", "shapes", "stages.fit.steps=9", "--runs", "my runs"])
    assert stopped.value.code == 130
    told = capsys.readouterr().err
    said = {"just now": r"saved\. Continue", "before": r"not saved just now\. Continue from the last checkpoint"}
    if saved in said:
        assert re.search(rf"stopped by SIGINT; {said[saved]}: mmx run --resume '/.*/my runs/shapes/[\w-]+'\n", told)
    else:
        assert "nothing was saved yet. Start again: mmx run shapes stages.fit.steps=9 --seed 0\n" in told


def test_a_full_disk_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*given: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mmx.runs.session.execute", fill)
    assert main(["run", "shapes"]) == 1
    told = capsys.readouterr().err
    assert re.fullmatch(r"error: no space left on the disk of \S+; make room; nothing was saved yet\. .*\n", told)


def test_every_option_has_help() -> None:
    from mmx.cli.run import command

    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []
