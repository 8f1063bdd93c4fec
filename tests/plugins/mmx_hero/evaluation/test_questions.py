"""Answers and statements: accuracy, controls, and a user's own question."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Task
from mmx.model.model import Model
from mmx.types import Sample
from mmx_hero.evaluation.questions import Questions
from mmx_hero.evaluation.reading import CHANGES
from mmx_hero.model.answers import Answer
from tests.plugins.mmx_hero.conftest import Episodes, TinyRun, toy_model


class Oracle(Answer):
    """Chooses the candidate with the given number: of video n, candidate n % 2."""

    def forward(self, fused: Any, batch: Any) -> Any:
        number = torch.tensor([int(name.rpartition("-")[2]) % 2 for name in batch.ids])
        if self.kind == "statement":
            return {"fits": (number * 2.0 - 1)[:, None]}
        return {"fits": torch.nn.functional.one_hot(number, 2).float()}


def with_head(kind: str = "choice", cls: type[Answer] = Answer) -> Model:
    model = toy_model()
    model.heads["answer"] = cls({"fused.answers": 16}, kind=kind, candidates=2)  # type: ignore[arg-type]
    return model.eval()


@pytest.mark.parametrize(("kind", "target"), [("choice", "answer"), ("statement", "truth")])
def test_who_knows_is_right_and_the_rest_stands_beside(run: TinyRun, kind: Any, target: str) -> None:
    task = Questions(target=target, kind=kind)
    assert isinstance(task, Task)
    run._untrained = lambda: with_head(kind)
    report = task.evaluate(with_head(kind, Oracle), Episodes(), run)
    metric = report.metrics[0]
    assert (metric.name, metric.value, metric.chance) == ("accuracy", 1.0, 0.5)
    assert set(metric.controls) == {*CHANGES, "question_only", "most_frequent_answer"}
    assert (metric.unit, metric.units) == ("videos", 12)
    assert set(metric.gaps) == {"chance", "untrained", *(f"control {name}" for name in metric.controls)}
    assert metric.controls["most_frequent_answer"] == 0.5
    assert metric.untrained is not None
    assert report.used == 12
    first = report.predictions[1]
    assert first["predicted"] == (first["right"] if kind == "choice" else first["true"])


def test_one_that_says_the_same_about_all_is_right_by_luck(run: TinyRun) -> None:
    model = with_head()
    with torch.no_grad():
        for parameter in model.heads["answer"].parameters():
            parameter.zero_()
    run._untrained = lambda: with_head()
    assert Questions().evaluate(model, Episodes(), run).metrics[0].value == 0.5


def test_questions_without_an_answer_are_not_judged(run: TinyRun) -> None:
    class Half(Episodes):
        def split(self, name: str) -> list[Sample]:
            return [
                Sample(f.id, f.fields, {**f.targets, "answer": -1}) if i % 2 else f
                for i, f in enumerate(super().split(name))
            ]

    class None_(Episodes):
        def split(self, name: str) -> list[Sample]:
            return [Sample(f.id, f.fields, {**f.targets, "answer": -1}) for f in super().split(name)]

    run._untrained = lambda: with_head()
    report = Questions().evaluate(with_head(), Half(), run)
    assert (report.used, report.expected) == (6, 12)
    with pytest.raises(DataError, match="known answer"):
        Questions().evaluate(with_head(), None_(), run)


def test_a_users_own_question() -> None:
    model, video = with_head(), Episodes().split("test")[0]
    raw = {"frames": video.fields["frames"], "question": "who takes thing0? | anna | ben"}
    said = Questions().predict(model, raw).rows
    assert {row["answer"] for row in said} == {"anna", "ben"}
    assert sum(row["share"] for row in said) == pytest.approx(1.0, abs=0.01)
    told = Questions(kind="statement").predict(with_head("statement"), {**raw, "question": "anna sings"}).rows
    assert told[0]["statement"] == "anna sings"
    with pytest.raises(DataError, match="give a question"):
        Questions().predict(model, {"frames": video.fields["frames"]})
