"""What a run's outputs mean stays with its weights, whatever becomes of the data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import mmx
from mmx.cli import main
from mmx.errors import DataError
from mmx.model import meaning
from mmx.model.meaning import Meaning, Source
from mmx.runs.history import find_run
from mmx.support import run_files
from mmx.types import Card, Sample

WORDS = {"animal": "dog bark", "weather": "rain roof", "zoo": "lion roar"}
REGISTRY = """
experiments:
  notes:
    summary: Sort notes
    corpus: {use: manifest, path: notes.csv}
    encoders: {text: {use: text-bag, width: 8, vocabulary: 64}}
    heads: {label: {use: linear, reads: fused.text, target: label}}
    stages:
      - {name: fit, trains: [encoders.text, heads.label], steps: 60, batch_size: 8,
         objective: {use: cross-entropy, head: label, target: label}, optimizer: {use: adamw, lr: 0.05}}
    task: {use: classification}
"""


class Fixed:
    """A corpus of given targets."""

    fields: Mapping[str, str] = {"text": "text"}
    card = Card("t", "s", "l")
    digest = "d"

    def __init__(self, targets: Mapping[str, Sequence[str] | None], rows: Sequence[Mapping[str, Any]]) -> None:
        self.targets, self.rows = targets, rows

    def split(self, name: str) -> Sequence[Sample]:
        return [Sample(str(index), {"text": "a"}, row) for index, row in enumerate(self.rows)]


def write_notes(path: Path, classes: Sequence[str], parts: Sequence[str] = ("train", "val", "test")) -> None:
    rows = [f"{WORDS[name]} {i},{name},{part}" for part in parts for i in range(12) for name in classes]
    path.write_text("text,label,split\n" + "\n".join(rows) + "\n")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on animals and weather."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    write_notes(tmp_path / "notes.csv", ["animal", "weather"])
    assert main(["run", "notes", "--no-tracking", "-q"]) == 0
    return find_run("latest", tmp_path / "runs")


def said(run: Path, text: str) -> str:
    return str(mmx.load(run).predict(text).rows[0]["class"])


def test_names_stay_when_the_file_is_overwritten(trained: Path, tmp_path: Path) -> None:
    write_notes(tmp_path / "notes.csv", ["weather", "zoo"])
    assert (said(trained, "dog bark"), said(trained, "rain roof")) == ("animal", "weather")


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: write_notes(path, ["animal", "weather", "zoo"]),
        lambda path: write_notes(path, ["weather"], ["test"]),
    ],
    ids=["deleted", "three classes", "no train"],
)
def test_predicting_needs_no_data(trained: Path, tmp_path: Path, change: Callable[[Path], None]) -> None:
    change(tmp_path / "notes.csv")
    assert said(trained, "dog bark") == "animal"


def test_other_labels_are_matched_by_name_and_unknown_ones_counted(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notes(tmp_path / "other.csv", ["zoo", "weather"], ["test"])
    assert main(["eval", str(trained), "corpus.path=other.csv", "-q", "--out", "out"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["metrics"][0]["value"] == 1.0  # every rain is weather
    assert report["items"] == {"used": 12, "expected": 24}
    assert any("12 labels 'label' of split test" in note and "zoo (12)" in note for note in report["notes"])
    assert "not the data of the run: corpus" in capsys.readouterr().out


def test_the_runs_own_numbers_come_out_again(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(trained), "-q"]) == 0
    told = capsys.readouterr().out
    assert "the numbers are the run's own" in told and "not the data" not in told


def test_a_repetition_says_that_the_data_is_another(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notes(tmp_path / "notes.csv", ["weather", "zoo"])
    assert main(["rerun", str(trained), "--no-tracking", "-q"]) == 1
    told = capsys.readouterr().out
    assert "not the same data: corpus" in told and "\nequal:" not in told
    assert main(["compare", str(trained), "latest"]) == 0
    told = capsys.readouterr().out
    assert "digest of corpus" in told and "no value of the configuration differs" not in told


def test_a_run_goes_on_with_its_own_data_only(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notes(tmp_path / "notes.csv", ["weather", "zoo"])
    (trained / run_files.REPORT).unlink()  # a run that is finished has nothing to resume
    assert main(["run", "--resume", str(trained), "--no-tracking", "-q"]) == 2
    assert "--other-data" in capsys.readouterr().err
    assert main(["run", "--resume", str(trained), "--other-data", "--no-tracking", "-q"]) == 0
    assert said(trained, "dog bark") == "animal"
    assert main(["run", "notes", "--other-data"]) == 2


def test_labels_are_translated() -> None:
    targets = {"one": ["b", "a", "x"], "many": ["b", "a"], "other": None}
    rows = [
        {"one": 0, "many": np.array([1, 0], np.float32), "other": 3},
        {"one": 2, "many": np.array([-1, -1], np.float32), "other": 4},
        {"one": -1, "many": np.array([0, 0], np.float32), "other": 5},
    ]
    found = meaning.renamed(Fixed(targets, rows), {"one": ["a", "b"], "many": ["a", "b", "c"], "other": None})
    moved = [dict(sample.targets) for sample in found.split("test")]
    assert [each["one"] for each in moved] == [1, -1, -1]
    assert [each["many"].tolist() for each in moved] == [[0, 1, 0], [-1, -1, -1], [0, 0, 0]]
    assert [each["other"] for each in moved] == [3, 4, 5]
    assert found.targets == {"one": ["a", "b"], "many": ["a", "b", "c"], "other": None} | {
        "one": ("a", "b"),
        "many": ("a", "b", "c"),
    }
    assert {name: dict(count) for name, count in found.strangers("test").items()} == {"one": {"x": 1}, "many": {}}  # type: ignore[attr-defined]
    assert found.card.title == "t"


def test_equal_names_change_nothing() -> None:
    corpus = Fixed({"one": ("a", "b")}, [])
    assert meaning.renamed(corpus, {"one": ["a", "b"], "gone": ["z"]}) is corpus
    with pytest.raises(DataError, match="has no classes"):
        meaning.renamed(Fixed({"one": None}, []), {"one": ["a"]})


def test_a_meaning_is_written_and_read(tmp_path: Path) -> None:
    source = Source("a/b", "digest", {"x": "text"}, {"label": ("ü", "nan"), "group": None})
    meaning.write(tmp_path, Meaning({"corpus": source}, {"part.mean": torch.ones(2)}))
    found = meaning.read(tmp_path)
    assert found is not None and found.corpus.targets == {"label": ["ü", "nan"], "group": None}
    model = nn.ModuleDict({"part": nn.Linear(1, 1)})
    model["part"].register_buffer("mean", torch.zeros(2))
    found.restore(model)
    assert model["part"].mean.tolist() == [1, 1]
    model["part"].register_buffer("mean", torch.zeros(3))
    with pytest.raises(DataError, match="does not fit"):
        found.restore(model)
    assert list(meaning.changes(found.sources, {"corpus": Source("a/b", "digest", {}, {})})) == []


@pytest.mark.parametrize("content", ["[", "[]", "{}", '{"corpus": {"use": "a"}}', '{"corpus": 3}'])
def test_a_damaged_meaning_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "meaning.json").write_text(content)
    with pytest.raises(DataError, match=r"meaning\.json: cannot be read"):
        meaning.read(tmp_path)


def test_a_run_without_meaning_is_read_as_before(trained: Path, tmp_path: Path) -> None:
    (trained / "meaning.json").unlink()
    assert meaning.read(trained) is None
    assert said(trained, "dog bark") == "animal"
