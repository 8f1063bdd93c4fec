"""A modality removed, exchanged, or in noise: what the model is given, and what stays as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.model.build import build
from mmx.model.built import Built
from mmx.plugins.loader import load_plugins
from mmx.runs.evaluate import context_of, judge
from mmx.runs.modalities.ablation import ablate, altered, noised
from mmx.runs.progress import Quiet
from mmx.training.engine import Engine
from mmx.types import Audio, Cue, Sample, Signal, Video
from tests.core.parts import Line, experiment, registry


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Built, Any]:
    """Weights that know the answer: the class is whether the numbers' sum is above zero."""
    spec = experiment(encoders={"x": {"use": "t/numbers", "out_dim": 2}})
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    built = build(spec, plugins.registry)
    with torch.no_grad():
        built.model.get_parameter("encoders.x.linear.weight").copy_(torch.tensor([[-1.0] * 4, [1.0] * 4]))
        built.model.get_parameter("heads.label.linear.weight").copy_(torch.eye(2))
        for part in ("encoders.x", "heads.label"):
            built.model.get_parameter(f"{part}.linear.bias").zero_()
    return built, context_of(built, plugins, tmp_path, Quiet(), Engine(spec.settings))


def test_without_its_only_modality_a_perfect_model_guesses(judged: tuple[Built, Any]) -> None:
    built, run = judged
    list(run.batches(built.model, Line().samples))  # as judging did before
    found, faults = ablate(built, run)
    assert faults == [] and found.keys() == {"x"}
    scores = {way: values["accuracy"] for way, values in found["x"].items()}
    first = sum(sample.targets["label"] == 0 for sample in Line().samples) / 40
    assert scores["removed"] == first, "zeros are one class for all"
    assert 0.25 < scores["shuffled"] < 0.8
    assert scores["noised"] == 1.0, "a list of numbers is no medium: it stays"
    assert ablate(built, run)[0] == found
    assert built.task.evaluate(built.model, built.corpus, run).metrics[0].value == 1.0


def test_only_the_field_is_altered_and_only_where_it_is_read(judged: tuple[Built, Any]) -> None:
    model = judged[0].model
    given: list[str] = []

    def alter(sample: Sample) -> Sequence[float]:
        given.append(sample.id)
        return [9.0] * 4

    sample = Line().samples[0]
    with altered(model, "x", alter):
        assert model.prepare([sample]).inputs["x"].tolist() == [[9.0] * 4]
        assert model.prepare([sample], []).inputs == {}
    assert given == [sample.id]
    assert model.prepare([sample]).inputs["x"][0].tolist() == pytest.approx(sample.fields["x"])
    with altered(model, "other", alter):
        assert model.prepare([sample]).inputs["x"][0].tolist() == pytest.approx(sample.fields["x"])


def test_noise_is_as_loud_as_what_it_covers() -> None:
    draw = np.random.default_rng(0)
    tone = Audio(np.sin(np.arange(8000, dtype=np.float32))[None], 8000)
    noisy = noised(tone, draw)
    added = noisy.samples_CT - tone.samples_CT
    assert noisy.rate == 8000 and added.dtype == np.float32
    assert np.mean(added**2) == pytest.approx(np.mean(tone.samples_CT**2), rel=0.1)
    grey = np.full((40, 40, 3), 128, np.uint8)
    assert noised(grey, draw).std() == pytest.approx(61, abs=4), "64, less what is cut off at 0 and 255"
    assert noised(Video(grey[None], 5.0), draw).frames_THWC.dtype == np.uint8
    assert noised(Signal(np.ones((9, 2), np.float32), 4.0), draw).values_TC.std() > 0.5
    words = "one two three four five six seven eight nine ten"
    left = noised(words, draw).split()
    assert 0 < len(left) < 10 and left == [word for word in words.split() if word in left]
    (cue,) = noised((Cue(0.0, 1.0, words),), draw)
    assert (cue.start, cue.end) == (0.0, 1.0) and cue.text != words


def test_the_report_shows_it_and_a_way_that_cannot_be_judged_is_a_note(
    judged: tuple[Built, Any], tmp_path: Path
) -> None:
    built, run = judged

    class Picky:
        needs = built.task.needs

        def evaluate(self, model: Any, corpus: Any, run: Any) -> Any:
            if not model.prepare(corpus.split("test")[:1], ["x"]).inputs["x"].any():
                raise ValueError("only zeros")
            return built.task.evaluate(model, corpus, run)

        def predict(self, model: Any, raw: Mapping[str, Any]) -> Any:
            return None

    parts = replace(built, task=Picky())
    found = judge(parts, run, begun=0.0, command="", modalities=True)
    assert "x removed could not be judged: ValueError: only zeros" in found.report.notes
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ablation"]["x"].keys() == {"shuffled", "noised"}
    page = (tmp_path / "report.html").read_text()
    assert "What each modality contributes" in page and "x shuffled" in page
