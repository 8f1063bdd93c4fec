"""Judging answers: the numbers of a report against its own predictions, and the prior by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmx.errors import DataError, UserError
from mmx.media.audio_image import write_image
from mmx.model.model import Model
from mmx.types import Report
from mmx_std.encoders.image import Conv2d
from mmx_std.encoders.text.rnn import TextRnn
from mmx_std.fusers.vectors import Product
from mmx_std.heads.linear import Linear
from mmx_std.tasks.answers.scoring import vqa_accuracy
from mmx_std.tasks.answers.task import Answers
from mmx_worlds.questions import TYPES, Questions
from tests.plugins.tiny_run import TinyRun

WORLD = Questions(clips=200, val_clips=8, test_clips=60)


def model(seed: int) -> Model:
    torch.manual_seed(seed)
    encoders = {
        "image": Conv2d((8,), image_size=36),
        "question": TextRnn(WORLD, "question", cell="lstm", width=8, embedding=8, vocabulary=64, tokens=12),
    }
    fuser = Product({name: each.out_dim for name, each in encoders.items()}, width=8, normalise=["image"])
    head = Linear(fuser.dims, WORLD.targets, target="label")
    return Model(encoders, fuser, {"label": head}, {"image": "image", "question": "question"})


@pytest.fixture(scope="module")
def task() -> Answers:
    return Answers(WORLD.targets, unit="image_id")


@pytest.fixture(scope="module")
def report(task: Answers, tmp_path_factory: pytest.TempPathFactory) -> Report:
    run = TinyRun(tmp_path_factory.mktemp("run"), "vqa", lambda: model(1))
    return task.evaluate(model(0), WORLD, run)


def test_the_score_is_that_of_the_chosen_answers(report: Report) -> None:
    samples = {sample.id: sample for sample in WORLD.split("test")}
    by_hand = [vqa_accuracy(row["answer"], samples[row["id"]].targets["answers"]) for row in report.predictions]
    assert report.metrics[0].name == "vqa_accuracy"
    assert report.metrics[0].value == pytest.approx(np.mean(by_hand))
    kinds = [samples[row["id"]].targets["type"] for row in report.predictions]
    for number, name in enumerate(TYPES):
        own = next(metric.value for metric in report.metrics if metric.name == f"vqa_accuracy_{name}")
        mean = np.mean([score for score, kind in zip(by_hand, kinds, strict=True) if kind == number])
        assert own == pytest.approx(mean)


def test_the_prior_answers_by_the_first_two_words(report: Report) -> None:
    counted: dict[str, list[int]] = {}
    for sample in WORLD.split("train"):
        opening = " ".join(sample.fields["question"].split()[:2])
        counted.setdefault(opening, [0] * 15)[sample.targets["label"]] += 1
    found = []
    for sample in WORLD.split("test"):
        counts = counted[" ".join(sample.fields["question"].split()[:2])]
        found.append(vqa_accuracy(WORLD.targets["label"][int(np.argmax(counts))], sample.targets["answers"]))
    first = report.metrics[0]
    assert first.baselines["question_prior"] == pytest.approx(np.mean(found))
    assert {"majority", "without_image", "shuffled_image", "without_question"} <= set(first.controls)
    assert {"logistic_regression_image_and_question", "nearest_neighbours_question_words"} <= set(first.baselines)
    assert first.references["annotators"] > 0.85


def test_questions_of_ones_own(task: Answers, tmp_path: Path) -> None:
    write_image(tmp_path / "photo.png", np.zeros((40, 50, 3), np.uint8))
    asked = task.read(model(0), tmp_path / "photo.png", {"texts": Path("is there a circle?; what shape is it?")})
    rows = task.predict(model(0), asked).rows
    assert [row["question"] for row in rows] == ["is there a circle?"] * 3 + ["what shape is it?"] * 3
    assert all(row["answer"] in WORLD.targets["label"] for row in rows)
    read: list[object] = []
    model_ = model(0)
    prepare = model_.encoders["question"].prepare
    model_.encoders["question"].prepare = lambda text: prepare(read.append(text) or "a circle")
    Answers({"label": WORLD.targets["label"]}, beside="[MASK]").predict(model_, {**asked, "question": "is it?"})
    assert read == [("is it?", "[MASK]")], "a pair where the model was trained on pairs"
    with pytest.raises(UserError, match="--texts"):
        task.read(model(0), tmp_path / "photo.png", {})
    with pytest.raises(DataError, match="about an image"):
        task.read(model(0), tmp_path / "photo.wav", {"texts": "what?"})


def test_a_question_may_be_asked_about_another_image(task: Answers, tmp_path: Path) -> None:
    """Conflicts of answers: shares of either side's answer and of any other are probabilities."""
    run = TinyRun(tmp_path, "vqa", lambda: model(1))
    found = task.conflict("image", "question").evaluate(model(0), WORLD, run)
    shares = [metric.value for metric in found.metrics[:3]]
    names = [metric.name for metric in found.metrics[:3]]
    assert names == ["follows_image", "follows_question", "third_answer"]
    assert sum(shares) == pytest.approx(1.0, abs=1e-5) and found.used > 10
