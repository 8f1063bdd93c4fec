"""Splits and targets that an experiment needs are looked up before it trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mmx.cli import main
from mmx.config.experiment import Settings, Stage
from mmx.errors import DataError
from mmx.model.built import Built
from mmx.model.needed import lacking, look_up
from tests.core.model.test_meaning import REGISTRY, write_notes


@dataclass
class Corpus:
    """As much of a corpus as a look-up needs."""

    sizes: dict[str, int] = field(default_factory=dict)

    def split(self, name: str) -> list[int]:
        if name not in self.sizes:
            raise DataError(f"no split {name}")
        return [0] * self.sizes[name]


SPEC = Stage.model_validate({"name": "s", "steps": 1, "trains": ["heads"], "objective": "a/b"})


def built(corpus: Corpus, task: Any, *stages: tuple[str, int]) -> Built:
    parts = [
        SimpleNamespace(spec=SPEC.model_copy(update={"name": f"s{i}", "split": split, "steps": steps}), corpus=corpus)
        for i, (split, steps) in enumerate(stages)
    ]
    experiment = SimpleNamespace(task=SimpleNamespace(use="a/task"), settings=Settings())
    return cast(Built, SimpleNamespace(corpus=corpus, task=task, stages=parts, model=None, experiment=experiment))


def test_every_split_is_looked_up() -> None:
    found = lacking(built(Corpus({"train": 3, "few": 0}), object(), ("train", 1), ("extra", 1), ("few", 1), ("x", 0)))
    assert found == [
        "stages.s1 needs split 'extra': no split extra",
        "stages.s2: split 'few' of the corpus is empty",
        "task needs split 'test': no split test",
    ]


def test_a_task_says_itself_what_it_needs() -> None:
    task = SimpleNamespace(check=lambda model, corpus, split: [f"no tags in {split}; set task.tags"])
    parts = built(Corpus({"train": 1}), task, ("train", 1))
    assert lacking(parts, "val") == ["task (a/task): no tags in val; set task.tags"]
    with pytest.raises(DataError, match=r"task \(a/task\): no tags in test"):
        look_up(parts)
    task.check = lambda model, corpus, split: []
    look_up(parts)


def test_what_a_stage_needs_that_stops_or_keeps_by_its_validation_loss_is_looked_up() -> None:
    def told(settings: Settings, sizes: dict[str, int], **changes: Any) -> list[str]:
        parts = built(Corpus({"train": 3, "test": 3, **sizes}), object(), ("train", 1))
        parts.stages[0].spec = parts.stages[0].spec.model_copy(update=changes)  # type: ignore[misc]
        parts.experiment.settings = settings  # type: ignore[misc]
        return lacking(parts)

    assert told(Settings(), {}) == []
    assert told(Settings(), {"val": 2}, keep="best") == []
    assert told(Settings(), {}, keep="best") == ["stages.s0 (keep: best) needs split 'val': no split val"]
    assert told(Settings(), {"val": 0}, patience=3) == ["stages.s0 (patience): split 'val' of the corpus is empty"]
    never = told(Settings(validate_every=0), {"val": 2}, patience=3)
    assert never == ["stages.s0 (patience) needs settings.validate_every above 0"]
    own = told(Settings(), {"val": 2}, keep="best", val_split="train")
    assert own == ["stages.s0 (keep: best) needs a val_split other than the split that it learns from, 'train'"]


@pytest.mark.parametrize("command", [["run", "notes"], ["run", "notes", "--dry-run"], ["check", "notes"]])
def test_a_missing_split_is_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    write_notes(tmp_path / "notes.csv", ["animal", "weather"], ["train"])
    assert main(command) != 0
    told = "".join(capsys.readouterr())
    assert "split 'test'" in told and "fit: 0 of" not in told
    assert not list(tmp_path.glob("runs/*/*/checkpoint"))


def test_a_class_must_be_known_in_the_judged_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    (tmp_path / "notes.csv").write_text("text,label,split\na,x,train\nb,y,train\nc,new,test\n")
    assert main(["run", "notes", "--dry-run"]) != 0
    told = "no item of split 'test' has a known class 'label': it has new, the model knows x, y; set task.target"
    assert told in capsys.readouterr().err
