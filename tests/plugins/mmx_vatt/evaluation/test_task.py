"""The whole judgement on a small world, on a user's clips without classes, and what `predict` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from mmx.data.lazy import LazyFields
from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Audio, Sample
from mmx_std.heads.linear import Linear
from mmx_vatt.evaluation.task import Judge
from mmx_vatt.model.fusion import CommonSpaces
from mmx_worlds.scenes.corpus import CLASSES
from tests.plugins.mmx_vatt.conftest import SIZES, WIDTH, WORLD, TinyRun, encoders, model


def judge(**options: Any) -> Judge:
    chosen: dict[str, Any] = {"target": "object", "kinds": "kind", "text": "text", "windows": 1, "seconds": 1.024}
    return Judge(model().widths, WORLD.targets, **{**chosen, **options})


def test_a_report_has_everything_beside_everything(run: TinyRun) -> None:
    report = judge(facets=["motion"]).evaluate(model(), WORLD, run)
    names = [metric.name for metric in report.metrics]
    assert names[0] == "class_match"
    assert {"video_to_audio_class_match", "text_to_audio_class_match", "video_to_text_motion_match"} <= set(names)
    assert {f"text_to_video_{end}" for end in ("recall_at_1", "recall_at_5", "recall_at_10", "median_rank")} <= set(
        names
    )
    for metric in report.metrics:
        assert metric.chance is not None
        assert metric.untrained is not None
        assert "shuffled_pairs" in metric.controls
    assert (report.used, report.expected) == (16, 16)
    assert {figure.key for figure in report.figures} == {"similarities", "text_to_video", "audio_to_video", "attention"}
    assert len(report.predictions) == 16
    assert any("drawn" in note for note in report.notes)
    assert len(report.clips) > 5


def test_clips_without_sound_text_or_class_are_used_for_what_they_have(run: TinyRun) -> None:
    class Own:
        fields: Mapping[str, str] = {"video": "video", "audio": "audio", "narration": "cues"}
        targets: Mapping[str, Any] = {}

        def split(self, name: str) -> list[Sample]:
            samples = [WORLD.split("test")[i] for i in range(6)]
            makers = [dict(sample.fields._makers) for sample in samples]  # type: ignore[attr-defined]
            for lacking in (makers[0], makers[1]):
                lacking.pop("audio")
            makers[2].pop("narration")
            return [Sample(s.id, LazyFields(m)) for s, m in zip(samples, makers, strict=True)]

    task = Judge(model().widths, {}, windows=1, seconds=1.024)
    report = task.evaluate(model(), Own(), run)  # type: ignore[arg-type]
    assert report.metrics[0].name == "text_to_video_recall_at_1"  # five texts are too few for more
    assert (report.used, report.expected) == (6, 6)
    assert any("video_to_audio 4" in note and "video_to_text 5" in note for note in report.notes)
    assert any("2 without audio" in note and "1 without text" in note for note in report.notes)


def test_probes_are_over_the_clips_that_have_the_modality_and_can_be_read(run: TinyRun) -> None:
    def torn() -> Audio:
        raise DataError("half of the file is missing")

    class Own:
        fields: Mapping[str, str] = WORLD.fields
        targets = WORLD.targets

        def split(self, name: str) -> list[Sample]:
            samples = [WORLD.split(name)[i] for i in range(12)]
            makers = [dict(sample.fields._makers) for sample in samples]  # type: ignore[attr-defined]
            makers[0].pop("audio")
            makers[1]["audio"] = torn
            return [Sample(s.id, LazyFields(m), s.targets) for s, m in zip(samples, makers, strict=True)]

    report = judge(probe=12).evaluate(model(), Own(), run)  # type: ignore[arg-type]
    assert {"video_probe", "audio_probe"} <= {metric.name for metric in report.metrics}
    assert any("video_probe" in note and "same 12 items" in note for note in report.notes)
    assert any("audio_probe" in note and "same 11 items" in note for note in report.notes)


def test_a_fine_tuned_head_is_judged_too(run: TinyRun) -> None:
    made = model()
    made.heads["label"] = Linear(made.widths, WORLD.targets, reads="fused.video", target="object")
    untrained = model(seed=7)
    untrained.heads["label"] = Linear(untrained.widths, WORLD.targets, reads="fused.video", target="object")
    run.untrained = lambda: untrained  # type: ignore[method-assign]
    report = judge(classifier="label").evaluate(made, WORLD, run)
    metric = next(metric for metric in report.metrics if metric.name == "finetuned_accuracy")
    assert metric.chance == pytest.approx(1 / len(CLASSES))


def test_a_classifier_of_video_alone_is_judged(run: TinyRun) -> None:
    """The supervised reference: no sound, no text, nothing to compare."""

    def alone(seed: int) -> Model:
        torch.manual_seed(seed)
        video = encoders()["video"]
        made = Model({"video": video}, CommonSpaces({"video": WIDTH}, sizes=SIZES), {}, {"video": "video"})
        made.heads["label"] = Linear(made.widths, WORLD.targets, reads="fused.video", target="object")
        return made.eval()

    run.untrained = lambda: alone(7)  # type: ignore[method-assign]
    made = alone(0)
    task = Judge(made.widths, WORLD.targets, target="object", kinds="kind", text="text", classifier="label", probe=16)
    report = task.evaluate(made, WORLD, run)
    assert [metric.name for metric in report.metrics] == ["video_probe", "finetuned_accuracy"]
    assert (report.used, report.expected) == (16, 16)
    assert not any("Of 16 items" in note or "never trained on pairs" in note for note in report.notes)


def test_only_a_part_of_a_large_split_is_judged(run: TinyRun) -> None:
    report = judge(limit=8).evaluate(model(), WORLD, run)
    assert report.expected == 8
    assert np.isfinite(report.metrics[0].value)
