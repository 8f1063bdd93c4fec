"""What is sent at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmx.runs import outcome
from mmx.types import Figure, Metric, Report


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
    outcome.send(report, "learned", 12.0, tracker, tmp_path)  # type: ignore[arg-type]
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
    assert tracker.sent("tag") == [("mmx.verdict", "learned")]
    assert tracker.sent("table") == [([{"id": "a"}],)]


def test_figures_become_images_and_media_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    pixels = np.zeros((4, 4, 3), np.uint8)
    report = Report([Metric("x", 1.0)], 1, 1, figures=[Figure("matrix", pixels, "a matrix")])
    tracker = Tracker()
    outcome.send(report, "learned", 1.0, tracker, tmp_path)  # type: ignore[arg-type]
    assert tracker.sent("image")[0][0] == "samples/matrix"
    assert (tmp_path / "media", "media") in tracker.sent("artifact")
    assert not tracker.sent("table")


def test_peak_memory_is_plausible() -> None:
    held = np.ones(50_000_000 // 8)
    assert outcome.peak_rss_mb() > 50
    assert held.size
