"""`mmx predict`: what is printed and written, and what is said when something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import mmx.cli.predict as module
import mmx.runs.caveats
from mmx.errors import DataError, UserError
from mmx.runs import prediction
from mmx.types import Audio, Clip, Prediction
from tests.core.saved import saved


class Built:
    class experiment:
        name = "echo"

        class settings:
            max_unreadable = 0.4


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Path | None, Mapping[str, str]]]:
    """Replace the model by an echo, and make a run folder; return what it is asked."""
    questions: list[tuple[Path | None, Mapping[str, str]]] = []

    def predict(built: Any, path: Path | None, extras: Mapping[str, str]) -> Prediction:
        questions.append((path, extras))
        audio = Audio(np.zeros((1, 800), np.float32), 8000)
        return Prediction(
            [{"what": "tone \x1b[31m", "share": 0.123456}, {"what": "hum"}], [Clip("echo", audio, "")], ["n"]
        )

    monkeypatch.setattr(prediction, "open_run", lambda catalog, folder: Built)
    monkeypatch.setattr(prediction, "predict", predict)
    monkeypatch.setattr(module, "open_catalog", lambda ctx: SimpleNamespace(plugins=None))
    monkeypatch.setattr(mmx.runs.caveats, "caveats", lambda plugins, experiment: ["for real \x1b[31m use"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("name: echo")
    (tmp_path / "my file.wav").write_bytes(b"x")
    return questions


def call(*arguments: str) -> Result:
    return CliRunner().invoke(module.command, list(arguments))


def test_it_prints_a_table_and_writes_beside_the_input(asked: list[Any], tmp_path: Path) -> None:
    done = call("run", "my file.wav")
    assert done.exit_code == 0, done.output
    assert asked == [(Path("my file.wav"), {})]
    assert "what" in done.output
    assert "0.1235" in done.output
    assert "\x1b[31m" not in done.output
    assert "wrote my_file-echo/echo.wav" in done.output
    assert (tmp_path / "my_file-echo" / "echo.wav").is_file()


def test_several_inputs_do_not_overwrite_each_other(asked: list[Any], tmp_path: Path) -> None:
    (tmp_path / "other.wav").write_bytes(b"x")
    done = call("run", "my file.wav", "other.wav", "--out", "found")
    assert done.exit_code == 0, done.output
    assert sorted(path.parent.name for path in (tmp_path / "found").rglob("*.wav")) == ["my_file", "other"]
    assert "other.wav:" in done.output


def test_further_inputs(asked: list[Any], tmp_path: Path) -> None:
    assert call("run", "my file.wav", "--faces", "b.json", "--field", "caption=a=b").exit_code == 0
    assert asked[-1][1] == {"caption": "a=b", "faces": "b.json"}
    assert call("run", "--field", "caption=dog").exit_code == 0
    assert asked[-1] == (None, {"caption": "dog"})
    assert (tmp_path / "echo-prediction" / "echo.wav").is_file()


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["run"], UserError, "predict what"),
        (["run", "x.wav", "--field", "caption"], UserError, "needed is NAME=FILE"),
        (["nowhere", "x.wav"], DataError, "no run 'nowhere'"),
    ],
)
def test_what_is_missing_is_told(asked: list[Any], arguments: list[str], kind: type, message: str) -> None:
    done = call(*arguments)
    assert isinstance(done.exception, kind)
    assert message in str(done.exception)
    assert not asked


def test_texts_to_rank_go_with_the_input(asked: list[Any]) -> None:
    assert call("run", "my file.wav", "--texts", "a slow waltz", "a reel").exit_code == 0
    assert asked == [(Path("my file.wav"), {"texts": "a slow waltz; a reel"})]


def test_a_file_beside_texts_that_is_not_there_is_no_text(asked: list[Any]) -> None:
    call("run", "my file.wav", "gone.mp4", "--texts", "a slow waltz", "a reel")
    assert asked == [(Path(name), {"texts": "a slow waltz; a reel"}) for name in ("my file.wav", "gone.mp4")]


def test_texts_to_rank_may_stand_in_a_file(asked: list[Any], tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a dog\n\n a cat \n")
    assert call("run", "my file.wav", "--texts", "labels.txt", "--texts", "a bird").exit_code == 0
    assert asked == [(Path("my file.wav"), {"texts": "a dog; a cat; a bird"})]
    (tmp_path / "labels.txt").write_text(" \n")
    assert isinstance(call("run", "my file.wav", "--texts", "labels.txt").exception, DataError)


def test_a_file_is_looked_for_in_a_folder(asked: list[Any], tmp_path: Path) -> None:
    assert call("run", "my file.wav", "--in", str(tmp_path)).exit_code == 0
    assert asked == [(Path("my file.wav"), {"in": str(tmp_path)})]


def test_a_query_ranks_a_folder(asked: list[Any], tmp_path: Path) -> None:
    assert call("run", "--query", "slow fiddle waltz", "--in", str(tmp_path)).exit_code == 0
    assert call("run", "--query", "harp").exit_code == 0
    assert asked == [(tmp_path, {"query": "slow fiddle waltz"}), (Path(), {"query": "harp"})]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--in", "."], "what to look for"),
        (["my file.wav", "--in", ".", "--texts", "a"], "what to look for"),
        (["--query", " ", "--in", "."], "empty text"),
        (["my file.wav", "--texts", ""], "empty text"),
        (["my file.wav", "--query", "harp"], "ranks the files of a folder"),
        (["--texts", "a", "--query", "harp"], "ranks the files of a folder"),
    ],
)
def test_half_a_question_is_refused(asked: list[Any], arguments: list[str], fault: str) -> None:
    done = call("run", *arguments)
    assert isinstance(done.exception, UserError)
    assert fault in str(done.exception)
    assert not asked


def test_what_the_run_is_not_for_comes_last_and_in_full_once(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = call("run", "my file.wav").output.splitlines()
    assert lines[-2] == "Not to be used or trusted for more than this:"
    assert lines[-1].startswith("- for real ")
    assert "\x1b" not in lines[-1]
    again = call("run", "my file.wav").output.splitlines()
    assert again[-1] == f"caveat: {lines[-1][2:]}", "the first one is repeated"
    assert again[:4] == lines[:4]
    monkeypatch.setattr(mmx.runs.caveats, "caveats", lambda plugins, experiment: ["for real use", "for more"])
    assert call("run", "my file.wav").output.splitlines()[-1] == "- for more", "what is new is told in full"
    assert call("run", "my file.wav").output.splitlines()[-1] == "caveat: for real use (1 more: mmx show echo)"
    told = ["Not better than a simple method: lines.", "of no use on real files"]
    monkeypatch.setattr(mmx.runs.caveats, "caveats", lambda plugins, experiment: told)
    call("run", "my file.wav")
    assert call("run", "my file.wav").output.splitlines()[-1].startswith("caveat: of no use on real files (1 more")


@pytest.mark.parametrize(("unread", "code"), [(["b.mp4", "deep/d.mp4"], 0), (["a.mp4", "b.mp4", "c.mp4"], 1), ([], 0)])
def test_files_of_a_folder_that_cannot_be_read_are_counted(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch, unread: list[str], code: int
) -> None:
    found = Prediction([{"rank": 1}], notes=["skipped: b.mp4: damaged"], searched=5, unread=unread)
    monkeypatch.setattr(prediction, "predict", lambda *_: found)
    done = call("run", "--query", "harp")
    assert done.exit_code == code
    told = f"{len(unread)} of 5 files could not be read: {', '.join(unread)}"
    assert (told in done.output.splitlines()) == bool(unread)
    twice = call("run", "a", "b")
    assert twice.exit_code == code and (f"{2 * len(unread)} of 10 files" in twice.output) == bool(unread)


def test_a_bad_input_is_skipped_and_named(asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = prediction.predict

    def some_broken(built: Any, path: Path | None, extras: Mapping[str, str]) -> Prediction:
        if path is not None and "bad" in path.name:
            raise DataError("it is damaged")
        return echo(built, path, extras)

    monkeypatch.setattr(prediction, "predict", some_broken)
    done = call("run", "a.wav", "bad.wav", "b.wav")
    assert done.exit_code == 0, done.output
    assert [path.name for path, _ in asked if path is not None] == ["a.wav", "b.wav"]
    assert "skipped: bad.wav: it is damaged" in done.output and "1 of 3 skipped: bad.wav" in done.output
    assert call("run", "bad1.wav", "bad2.wav", "b.wav").exit_code == 1
    assert isinstance(call("run", "bad.wav").exception, DataError)


def test_nothing_is_overwritten(asked: list[Any], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "my file.wav").write_bytes(b"x")
    assert call("run", "my file.wav", "in/my file.wav", "--out", "found").exit_code == 0
    assert call("run", "my file.wav", "--out", "found").exit_code == 0
    there = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("echo.wav"))
    assert there == ["found-2/echo.wav", "found/my_file-2/echo.wav", "found/my_file/echo.wav"]


def test_of_an_experiment_the_newest_finished_run_is_taken_and_named(asked: list[Any], tmp_path: Path) -> None:
    saved(tmp_path / "runs" / "shapes" / "20260101-1")
    saved(tmp_path / "runs" / "shapes" / "20260102-1", status="interrupted")
    done = call("shapes", "my file.wav")
    assert done.exit_code == 0 and len(asked) == 1
    assert done.stderr == "run: shapes/20260101-1\n"
    assert call("20260101-1", "my file.wav").stderr == ""
