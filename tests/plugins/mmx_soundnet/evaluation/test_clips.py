"""The student on unseen clips, against loops over the definitions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from mmx.model.model import Model
from mmx.types import Sample
from mmx_soundnet.evaluation.clips import agreement, by_statistics, recognise, source, teacher_probabilities
from mmx_soundnet.objective import TeacherPair, TeacherPairs

PORTS = {"objects": "encoded.objects", "scenes": "encoded.scenes"}


def teacher(value: int, classes: int) -> list[float]:
    """Probabilities of the tiny teacher: softmax of logits 4 for the class, 0 else."""
    total = math.exp(4) + classes - 1
    return [math.exp(4 * (value == k)) / total for k in range(classes)]


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def decided(logits_BTK: torch.Tensor) -> torch.Tensor:
    """Logits with two more for another class in each row: an untrained student answers the same to every clip."""
    rows, _, classes = logits_BTK.shape
    return logits_BTK + 2 * torch.eye(classes)[torch.arange(rows) % classes][:, None]


class Decided(TeacherPairs):
    """Pairs of a student that answers differently to each clip."""

    def forward(self, outputs: Any, batch: Any) -> Iterator[TeacherPair]:
        for pair in super().forward(outputs, batch):
            yield pair._replace(logits_BTK=decided(pair.logits_BTK))


def test_what_the_teachers_predicted(model: Model, run: Any, corpus: Any) -> None:
    samples = corpus.split("train")[:5]
    found = teacher_probabilities(model, run, samples, PORTS)
    for sample in samples:
        expected = teacher(sample.targets["object"], 3)
        np.testing.assert_allclose(found["objects"][sample.id], [expected], rtol=1e-5)
    assert run.asked == [("objects", "scenes")], "the audio is not encoded"


def test_agreement_is_the_mean_divergence_of_student_and_constants(model: Model, run: Any, corpus: Any) -> None:
    train, held_out = corpus.split("train")[:9], corpus.split("test")[:6]
    found = agreement(model, run, teacher_probabilities(model, run, train, PORTS), held_out, Decided("labels", PORTS))
    kinds = {"objects": ("object", 3), "scenes": ("scene", 2)}
    expected = {"student": np.zeros(6), "uniform": 0.0, "swapped": 0.0}
    constants = dict.fromkeys((0.01, 0.03, 0.1, 0.2, 0.3, 0.5), 0.0)
    batch = model.prepare(held_out)
    with torch.inference_mode():
        logits = {name: decided(each) for name, each in model(batch, ["heads.labels"]).heads["labels"].items()}
    for head, (target, classes) in kinds.items():
        mean = np.mean([teacher(sample.targets[target], classes) for sample in train], axis=0).tolist()
        predicted = logits[head].softmax(-1).double().numpy()  # (N, T, K)
        for row, sample in enumerate(held_out):
            truth = teacher(sample.targets[target], classes)
            expected["student"][row] += np.mean([kl(truth, step.tolist()) for step in predicted[row]])
            expected["swapped"] += np.mean([kl(truth, step.tolist()) for step in predicted[row - 1]]) / 6
            for share in constants:
                constants[share] += kl(truth, [(1 - share) * p + share / classes for p in mean]) / 6
            expected["uniform"] += kl(truth, [1 / classes] * classes) / 6
    np.testing.assert_allclose(found.per_clip, expected["student"], rtol=1e-4)
    assert found.constant.mean() == pytest.approx(min(constants.values()), rel=1e-4)
    assert found.uniform.mean() == pytest.approx(expected["uniform"], rel=1e-4)
    assert found.swapped.mean() == pytest.approx(expected["swapped"], rel=1e-4)
    assert expected["swapped"] != pytest.approx(expected["student"].mean(), rel=0.01)
    assert found.ids == [sample.id for sample in held_out]
    assert sum(found.by_head.values()) == pytest.approx(found.per_clip.mean(), rel=1e-6)


def test_recognise_concatenates_what_is_known_of_each_clip(corpus: Any) -> None:
    train, held_out = corpus.split("train"), corpus.split("test")
    rng = np.random.default_rng(0)
    everyone = [*train, *held_out]
    noise = {sample.id: rng.normal(size=(1, 4)) for sample in everyone}
    truth = {sample.id: np.eye(3)[[sample.targets["object"]]] for sample in everyone}
    assert recognise(train, held_out, "object", [noise, truth]).mean() == 1.0
    assert recognise(train, held_out, "object", [noise]).mean() < 0.7
    del truth[held_out[4].id]
    assert len(recognise(train, held_out, "object", [noise, truth])) == len(held_out) - 1


def test_a_clip_is_of_the_recording_that_is_heard_in_it() -> None:
    files = ("photos/fish.webp", "clipart/lips.webp", "speech/digit.ogg")
    assert source(Sample("a", {}, {"files": files})) == "speech/digit.ogg"
    assert source(Sample("a", {}, {"files": ("sounds/x.ogg", "music/y.ogg")})) == "sounds/x.ogg+music/y.ogg"
    assert source(Sample("a", {}, {})) == source(Sample("a", {}, {"files": ("photos/fish.webp",)})) == "a"


def test_cheap_statistics_recognise_tones(corpus: Any) -> None:
    found = by_statistics(corpus.split("train"), corpus.split("test"), "audio", "object")
    assert found["nearest_neighbours_spectrum"].shape == (24,)
    assert found["nearest_neighbours_spectrum"].mean() > 0.9
