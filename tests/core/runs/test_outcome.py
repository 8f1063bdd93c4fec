"""What is sent at the end of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmx.config.experiment import Experiment
from mmx.media.audio_image import write_image
from mmx.report.write import PREVIEW
from mmx.runs import outcome
from mmx.types import Metric, Report

EXPERIMENT = Experiment.model_validate(
    {
        "name": "shapes",
        "summary": "Name shapes",
        "paper": {"title": "On shapes", "arxiv": "1234.5678", "year": 2016},
        "corpus": {"use": "worlds/shapes"},
        "encoders": {"image": {"use": "std/conv2d"}},
        "task": {"use": "std/classification"},
        "settings": {"seed": 7},
    }
)


@dataclass
class Tracker:
    """Remembers what it was sent."""

    calls: list[tuple[str, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return lambda *values: self.calls.append((name, values))

    def sent(self, name: str) -> list[Any]:
        return [values for called, values in self.calls if called == name]


def test_every_number_is_sent_once_at_step_zero_with_its_comparisons(tmp_path: Path) -> None:
    metric = Metric("accuracy", 0.6, chance=0.25, untrained=0.4, controls={"shuffled": 0.3}, references={"oracle": 0.9})
    report = Report([metric], used=3, expected=4, predictions=[{"id": "a"}])
    tracker = Tracker()
    outcome.send(report, "learned", 12.0, tracker, tmp_path / "20260101-120000-6da8", EXPERIMENT)  # type: ignore[arg-type]
    ((step, numbers),) = tracker.sent("metrics")
    assert step == 0
    assert numbers.pop("perf/peak_rss_mb") > 1
    assert numbers == {
        "test/accuracy": 0.6,
        "test/accuracy_chance": 0.25,
        "test/accuracy_untrained": 0.4,
        "test/accuracy_shuffled": 0.3,
        "test/accuracy_oracle": 0.9,
        "perf/seconds": 12.0,
        "test/items_used": 3.0,
        "test/items_expected": 4.0,
    }
    assert tracker.sent("tag") == [
        ("mmx.verdict", "learned"),
        ("mmx.first_metric", "accuracy 0.6"),
        ("mlflow.runName", "0.6 learned · seed 7 · 6da8"),
    ]
    assert tracker.sent("table") == [([{"id": "a"}],)]


def test_media_are_artifacts_and_the_first_images_stand_in_the_description(tmp_path: Path) -> None:
    names = [f"matrix{number}.png" for number in range(4)]
    for name in names:
        write_image(tmp_path / "media" / name, np.zeros((4, 1200, 3), np.uint8))
    captions = {"voice.wav": "a voice", **{name: f"about {name}\nand more" for name in names}}
    (tmp_path / "report.json").write_text(json.dumps({"metrics": [], "media": captions}))
    report = Report([Metric("x", 1.0)], 1, 1)
    tracker = Tracker()
    outcome.send(report, "learned", 1.0, tracker, tmp_path, EXPERIMENT)  # type: ignore[arg-type]
    shown = {f"preview/{name}": f"about {name} and more" for name in names[:3]}
    assert tracker.sent("pictures") == [(shown,)]
    assert {(tmp_path / path, "preview") for path in shown} <= set(tracker.sent("artifact"))
    with Image.open(tmp_path / "preview" / names[0]) as small:
        assert small.width == PREVIEW
    assert (tmp_path / "media", "media") in tracker.sent("artifact")
    assert not tracker.sent("table")


def test_peak_memory_is_plausible() -> None:
    held = np.ones(50_000_000 // 8)
    assert outcome.peak_rss_mb() > 50
    assert held.size


def test_a_run_is_called_by_its_result_and_an_experiment_described_by_its_paper() -> None:
    report = Report([Metric("accuracy", 0.47391)], 1, 1)
    folder = Path("runs/shapes/20260101-120000-6da8")
    assert outcome.run_name(report, "learned", "smoke", 7, folder) == "0.474 learned · smoke · seed 7 · 6da8"
    assert outcome.run_name(Report([], 0, 0), "no result", "default", 0, folder) == "no result · seed 0 · 6da8"
    told = "**Name shapes**\n\nPaper: [On shapes](https://arxiv.org/abs/1234.5678) (2016)"
    assert outcome.about(EXPERIMENT) == told
    assert outcome.about(EXPERIMENT.model_copy(update={"paper": None})) == "**Name shapes**"
