from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Task
from mmx.report.verdict import verdict
from mmx.report.write import pixels, write_clips
from mmx.types import Audio
from mmx_looking_to_listen.evaluation.task import Separation
from mmx_worlds.mixtures.corpus import Mixtures
from tests.plugins.mmx_looking_to_listen.conftest import RATE, Hummers, Noises, Run, tiny

SIZES = {"mixtures": 4, "val_mixtures": 2, "test_mixtures": 5, "seconds": 1.0, "rate": RATE}


def test_a_report_has_controls_references_figures_and_players(run: Run) -> None:
    world = Mixtures(Hummers(), **SIZES)
    task = Separation({}, shown=2)
    assert isinstance(task, Task)
    report = task.evaluate(tiny(), world, run)
    metrics = {metric.name: metric for metric in report.metrics}
    primary = report.metrics[0]
    assert primary.name == "si_sdr_improvement"
    assert set(primary.controls) == {"zero", "static_frame", "shuffled", "other_face"}
    assert set(primary.references) == {"irm", "crm", "time_gate"}
    assert primary.references["irm"] >= primary.references["time_gate"]
    assert primary.chance == 0
    known = ("mouth_pixels", "true_lips")
    assert set(primary.baselines) == {f"{way}_from_{each}" for way in ("linear", "fourier") for each in known}
    assert set(metrics["si_sdr"].baselines) == {"mixture", *primary.baselines}
    assert (primary.units, primary.unit) == (4, "speakers")
    assert primary.untrained is not None
    assert {"si_sdr", "swap_followed", "swap_si_sdr_improvement"} <= set(metrics)
    assert metrics["swap_followed"].chance == 0.5
    assert report.used == report.expected == 5
    assert verdict(report) == "no verdict: 4 speakers, 10 are needed"
    assert [row["id"] for row in report.predictions] == [f"mix-test-0-{i:05d}" for i in range(5)]
    assert {figure.key for figure in report.figures} == {"conditions", "by_level", "separation_1", "separation_2"}
    for figure in report.figures:
        assert pixels(figure.image).std() > 5
    keys = [clip.key for clip in report.clips]
    assert keys[:3] == ["mixture_1", "mixture_1_voice_1", "mixture_1_voice_1_truth"]
    assert len(keys) == 10
    for path in write_clips(run.folder, report.clips[:3]):
        assert path.stat().st_size > 500
    assert any("synthetic" in note for note in report.notes)
    assert "Speakers in both train and test: 0 of 4." in report.notes


def test_silent_mixtures_are_counted_and_left_out(run: Run) -> None:
    report = Separation({}, shown=1).evaluate(tiny(), Mixtures(Hummers(silent=[0, 4, 8]), **SIZES), run)
    assert report.expected == 5
    assert any("silent voices have no ratio" in note for note in report.left_out)
    assert np.isfinite(report.metrics[0].value)


def test_nothing_but_silence_cannot_be_judged(run: Run) -> None:
    with pytest.raises(DataError, match="all voices of split test are silent"):
        Separation({}, shown=1).evaluate(tiny(), Mixtures(Hummers(silent=range(12)), **SIZES), run)


def test_one_face_has_nobody_to_change_places_with(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "untrained", lambda: tiny(1, seed=1))
    world = Mixtures(Hummers(), Noises(), voices=1, **SIZES)
    report = Separation({}, shown=1).evaluate(tiny(1), world, run)
    assert set(report.metrics[0].controls) == {"zero", "static_frame", "shuffled", "other_face"}
    assert not any(metric.name.startswith("swap") for metric in report.metrics)


def test_notes_are_about_the_split_that_is_judged(run: Run) -> None:
    run.split = "val"
    world = Mixtures(Hummers(), **SIZES)
    world.pitches = lambda name: [200.0 + 100 * place for place in range(12)] if name == "val" else []  # type: ignore
    report = Separation({}, shown=1).evaluate(tiny(), world, run)
    assert "Speakers in both train and val: 0 of 4." in report.notes
    assert any("semitones apart" in note for note in report.notes)


def test_a_model_without_faces_has_no_visual_controls(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "untrained", lambda: tiny(visual="none", seed=1))
    task = Separation({}, faces=None, permute=True, shown=1)
    assert "encoded.faces" not in task.needs
    report = task.evaluate(tiny(visual="none"), Mixtures(Hummers(), **SIZES), run)
    primary = report.metrics[0]
    assert set(primary.controls) == {"random_order"}
    assert primary.controls["random_order"] <= primary.value
    assert "swap_followed" not in [metric.name for metric in report.metrics]
    assert any("oracle permutation" in note and "random_order" in note for note in report.notes)


def test_predicts_from_sound_and_faces() -> None:
    sample = Mixtures(Hummers(), **SIZES).split("test")[0]
    found = Separation({}, window=0.5).predict(tiny(), sample.fields)
    assert [row["voice"] for row in found.rows] == ["voice_1", "voice_2"]
    for clip in found.clips:
        assert isinstance(clip.media, Audio)
        assert clip.media.samples_CT.shape == (1, RATE)
