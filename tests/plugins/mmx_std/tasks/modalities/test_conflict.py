"""Conflicts: shares and correlation by hand, on classifiers whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.errors import ConfigError
from mmx.model.build import build
from mmx_std.tasks.modalities.conflict import Conflict
from tests.plugins.tiny_run import TinyRun

OVER = ["corpus.clips=20", "corpus.val_clips=10", "corpus.test_clips=40", "task.tasks.conflict=null"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    catalog = Catalog.open(tmp_path_factory.mktemp("empty"))
    return build(catalog.resolve("mcgurk", preset="smoke", overrides=OVER).experiment, catalog.plugins.registry)


class Oracle(torch.nn.Module):
    """Answers with known log-probabilities for the audio's and the video's item, by what the batch holds."""

    def __init__(self, model: Any, answer: Any) -> None:
        super().__init__()
        self.inner, self.answer = model, answer
        self.fields = model.fields

    def plan(self, needs: Any) -> Any:
        return self.inner.plan(needs)

    def prepare(self, samples: Any, encoders: Any = None) -> Any:
        batch = self.inner.prepare(samples, encoders)
        for name in encoders:  # what a modality shows, in place of what it looks like
            place = [[s.targets[f"{name}_place"], s.targets["audio_hiss"], s.targets["label"]] for s in samples]
            batch.inputs[name] = torch.tensor(place, dtype=torch.float64)
        return batch

    def forward(self, batch: Any, needs: Any) -> Any:
        from mmx.types import Outputs

        rows = zip(batch.inputs["audio"].tolist(), batch.inputs["video"].tolist(), strict=True)
        return Outputs(heads={"label": torch.tensor([self.answer(a, v) for a, v in rows]).log()})


def judged(built: Any, answer: Any, folder: Path, **options: Any) -> dict[str, Any]:
    task = Conflict(built.corpus.targets, first="audio", second="video", ordered=True, pairs=60, **options)
    model = Oracle(built.model, answer)
    report = task.evaluate(model, built.corpus, TinyRun(folder, "mcgurk", lambda: model))  # type: ignore[arg-type]
    assert report.used == 60 and {figure.key for figure in report.figures} >= {"conflicts"}
    return {metric.name: metric for metric in report.metrics}


def test_the_exact_posterior_is_its_own_reference(built: Any, tmp_path: Path) -> None:
    from mmx_worlds.syllables import posterior

    found = judged(
        built, lambda a, v: posterior((a[0], a[1]), v[0], (0.35, 1.0), 0.45).tolist(), tmp_path, noise="audio_hiss"
    )
    assert found["posterior_correlation"].value == pytest.approx(1, abs=1e-6)
    for name in ("follows_audio", "follows_video", "third_answer", "between", "dominance", "doubt"):
        assert found[name].value == pytest.approx(found[name].references["posterior"], abs=1e-6), name
    total = sum(found[name].value for name in ("follows_audio", "follows_video", "third_answer"))
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("who", "dominance"), [(0, 1.0), (1, -1.0)])
def test_who_follows_one_field_alone(built: Any, tmp_path: Path, who: int, dominance: float) -> None:
    def answer(*parts: Any) -> list[float]:
        return [1.0 if k == int(parts[who][2]) else 1e-9 for k in range(3)]

    found = judged(built, answer, tmp_path)
    assert found["dominance"].value == pytest.approx(dominance, abs=1e-6)
    assert found[("follows_audio", "follows_video")[who]].value == pytest.approx(1, abs=1e-6)
    assert found["between"].value == pytest.approx(0, abs=1e-6) and found["doubt"].value == pytest.approx(0, abs=1e-6)


def test_the_class_between_is_a_third_answer(built: Any, tmp_path: Path) -> None:
    def answer(a: Any, v: Any) -> list[float]:
        middle = [1e-9, 1.0, 1e-9]
        return middle if {a[2], v[2]} == {0, 2} else [1.0 if k == a[2] else 1e-9 for k in range(3)]

    found = judged(built, answer, tmp_path)
    assert found["between"].value == pytest.approx(1, abs=1e-6)
    assert 0 < found["third_answer"].value < 1
    assert found["third_answer"].value + found["follows_audio"].value == pytest.approx(1, abs=1e-6)


def test_fields_that_are_not_there(built: Any, tmp_path: Path) -> None:
    task = Conflict(built.corpus.targets, first="audio", second="vidio")
    with pytest.raises(ConfigError, match="did you mean"):
        task.evaluate(built.model, built.corpus, TinyRun(tmp_path, "mcgurk", lambda: built.model))


def test_pairs_are_of_different_items(built: Any) -> None:
    from mmx_std.tasks.modalities.conflict import _draw

    labels = np.array([0, 0, 1, 2, -1, 1])
    pairs = _draw(labels, 5, 0)
    assert (pairs[:, 0] != pairs[:, 1]).all() and 4 not in pairs
    conflict = labels[pairs[:, 0]] != labels[pairs[:, 1]]
    assert conflict.sum() == 5
