"""Captions: measured beside constant and blind ones, and written for a user's video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Task
from mmx.media.audio_image import write_video
from mmx.types import Cue, Signal, Video
from mmx_hero.evaluation.captions import MEASURES, Captions
from mmx_hero.evaluation.reading import CHANGES
from mmx_hero.model.words import Words
from tests.plugins.mmx_hero.conftest import Episodes, TinyRun, toy_model


def test_a_report_is_whole(run: TinyRun) -> None:
    task = Captions(tokens=6)
    assert isinstance(task, Task)
    report = task.evaluate(toy_model(), Episodes(), run)
    names = [metric.name for metric in report.metrics]
    assert names[: len(MEASURES)] == list(MEASURES)
    assert set(names) - set(MEASURES) <= {"meteor"}, "which needs a program"
    assert all(each.ci95 and each.unit == "videos" for each in report.metrics if each.name in MEASURES)
    for metric in report.metrics:
        assert set(metric.controls) == {*CHANGES, "constant_caption"}
        assert metric.untrained == pytest.approx(metric.value)
    by_name = {metric.name: metric for metric in report.metrics}
    assert by_name["rouge_l"].references["perfect"] == 1.0
    assert by_name["cider"].references["perfect"] == pytest.approx(7.5), "three words have no sequence of four"
    assert by_name["cider"].controls["constant_caption"] < by_name["cider"].references["perfect"]
    assert report.predictions[2] == {
        "id": "test-2#0",
        "predicted": report.predictions[2]["predicted"],
        "reference": "cora takes thing0",
    }
    assert len(report.predictions) == 12


def test_who_writes_the_truth_is_perfect(run: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy_model()
    tokenizer: Any = model.encoders["captions"].tokenizer
    truth = iter([tokenizer.encode(f.fields["captions"][0].text) for f in Episodes().split("test")] * 20)

    def generate(self: Words, fused: Any, spans_BK2: torch.Tensor, **options: Any) -> torch.Tensor:
        found = torch.full((*spans_BK2.shape[:2], 5), -1)
        for video in found:
            ids = next(truth)
            video[0, : len(ids)] = ids
        return found

    monkeypatch.setattr(Words, "generate", generate)
    monkeypatch.setattr("mmx_hero.evaluation.captions.CHANGES", {})
    run._untrained = toy_model
    model_only = Captions()
    order: list[str] = []
    original = model_only._texts
    monkeypatch.setattr(model_only, "_texts", lambda who, batch: order.append("x") or original(who, batch))
    monkeypatch.setattr(
        TinyRun,
        "batches",
        lambda self, model, samples, encoders=None, batch_size=32: iter([model.prepare(samples, encoders)]),
    )
    report = model_only.evaluate(model, Episodes(), run)
    assert {m.name: m.value for m in report.metrics}["rouge_l"] == 1.0
    assert {m.name: m.value for m in report.metrics}["bleu_4"] == 0.0, "three words have no sequence of four"


def test_a_users_video_gets_a_sentence_per_moment() -> None:
    task, model = Captions(tokens=4), toy_model()
    video = Episodes().split("test")[0].fields
    moments = (Cue(0.0, 3.0, ""), Cue(3.0, 7.5, ""))
    found = task.predict(model, {"frames": video["frames"], "subtitles": video["subtitles"], "captions": moments})
    assert [(row["start"], row["end"]) for row in found.rows] == [(0.0, 3.0), (3.0, 7.5)]
    assert all(isinstance(row["caption"], str) for row in found.rows)
    with pytest.raises(DataError, match="give a video"):
        task.predict(model, {})


def test_a_typed_video_brings_its_subtitles(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", Video(np.zeros((4, 16, 16, 3), np.uint8), 2.0))
    (tmp_path / "a.srt").write_text("00:00:00,500 --> 00:00:01,000\nhello\n")
    raw = Captions().read(toy_model(), path, {})
    assert raw["subtitles"] == raw["captions"] == (Cue(0.5, 1.0, "hello"),)
    assert len(raw["frames"].frames_THWC) == 4
    (tmp_path / "moments.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nx\n")
    other = Captions().read(toy_model(), path, {"captions": tmp_path / "moments.vtt"})
    assert other["captions"] == (Cue(0.0, 2.0, "x"),)
    assert isinstance(Episodes().split("test")[0].fields["frames"], Signal)
