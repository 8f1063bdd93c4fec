from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError, UserError
from mmx.interfaces import Task
from mmx.model.model import Model
from mmx.types import Sample
from mmx_speech2face.evaluation.encoding import encode_split
from mmx_speech2face.evaluation.task import FaceFromVoice, disjoint
from tests.plugins.mmx_speech2face.conftest import LANDMARKS, NAMES, Run, Tones, tiny

PLAIN = {"attributes": ["sex", "build"], "ceiling": 2, "shown": 3}


@pytest.fixture
def task() -> FaceFromVoice:
    return FaceFromVoice(Tones.targets, **PLAIN)


def test_it_is_a_task_and_says_what_it_reads(task: FaceFromVoice) -> None:
    assert isinstance(task, Task)
    assert set(task.needs) == {"fused.face", "fused.voice", "heads.decoder", "heads.judge"}


def test_the_whole_report(task: FaceFromVoice, model: Model, tones: Tones, run: Run) -> None:
    report = task.evaluate(model, tones, run)
    names = [metric.name for metric in report.metrics]
    assert names[0] == "recall_at_1_of_8"
    assert {
        "cosine_degrees",
        "sex_agreement",
        "build_agreement",
        "build_kappa",
        "build_correlation",
        "portrait_error",
        "craniofacial_correlation",
    } <= set(names)
    assert "recall_at_1_of_4_same_sex" in names
    assert "recall_at_1_of_2_same_sex_build" in names
    first = report.metrics[0]
    assert first.chance == 1 / 8
    assert {"ridge_mean_spectrum", "ridge_statistics", "nearest_voice"} <= set(first.baselines)
    assert (first.units, first.unit) == (8, "people")
    assert set(first.controls) == {"mean_face", "other_voice"}
    assert set(first.references) == {"attributes", "perfect_listener", "best_ranking", "shared_causes"}
    decoded = next(metric for metric in report.metrics if metric.name == "sex_agreement")
    assert set(decoded.controls) == {"commonest", "mean_face", "other_voice"}
    assert set(decoded.references) == {"face_features", "perfect_listener"}
    assert (report.used, report.expected) == (8, 8)
    assert {"faces", "landmarks", "exaggeration", "features", "recall", "craniofacial", "groups"} <= {
        figure.key for figure in report.figures
    }
    assert report.notes[0] == "People in both train and test: 0 of 8 (checked)."
    assert any("identify nobody" in note for note in report.notes)
    assert any("p " in note and "Craniofacial" in note for note in report.notes)
    assert {"id", "sex", "sex_drawn", "cosine_degrees", "recall_at_1"} <= set(report.predictions[0])


def test_ears_that_know_the_face_find_it(task: FaceFromVoice, tones: Tones, run: Run) -> None:
    """The face network in place of the voice encoder: every voice then says its own face's feature."""
    model = tiny()
    encoded = encode_split(model, tones.split("test"), run, NAMES)
    by_voice = {sample.id: face for sample, face in zip(encoded.samples, encoded.face_ND, strict=True)}
    guesses = task._guesses(model, tones, run, encoded, encoded.face_ND, encoded.targets)
    cheating = type(guesses)(np.stack(list(by_voice.values())), guesses.untrained, guesses.controls, guesses.references)
    rows = task._rows(cheating, encoded, {"voice": encoded.labels})
    assert all(row["closer"] == 0 and row["recall_at_1"] == 1.0 for row in rows)


def test_people_who_were_learned_from_are_refused(task: FaceFromVoice, model: Model, run: Run) -> None:
    with pytest.raises(DataError, match="8 people are in both train and test"):
        task.evaluate(model, Tones(shared=True), run)


def test_a_corpus_that_does_not_know_its_people_is_judged_with_less(model: Model, run: Run) -> None:
    class Strangers(Tones):
        targets: Mapping[str, Sequence[str] | None] = {"landmarks": None}
        landmark_names = LANDMARKS[:3]
        affinity = affinity_of_causes = faces_given_voice = None  # type: ignore[assignment]

        def person(self, split: str, number: int) -> Sample:
            sample = super().person(split, number)
            return Sample(sample.id, sample.fields, {"landmarks": sample.targets["landmarks"]})

    corpus = Strangers()
    task = FaceFromVoice(corpus.targets, judge=None, shown=3)
    report = task.evaluate(model, corpus, run)
    names = {metric.name for metric in report.metrics}
    assert "recall_at_1_of_8" in names
    assert not [name for name in names if "agreement" in name or "craniofacial" in name or "same" in name]
    assert "could not be checked" in report.notes[0]
    assert report.metrics[0].references == {}


def test_a_classifier_of_voices_is_judged_by_what_its_attributes_tell(tones: Tones, run: Run) -> None:
    task = FaceFromVoice(Tones.targets, **PLAIN, told="told")
    report = task.evaluate(tiny(told=True), tones, run)
    names = [metric.name for metric in report.metrics]
    assert {"told_sex_accuracy", "told_build_accuracy"} <= set(names)


def test_portraits_of_another_size_are_told(task: FaceFromVoice, tones: Tones, run: Run) -> None:
    model = tiny()
    model.encoders["portrait"] = type(model.encoders["portrait"])(side=20)
    with pytest.raises(DataError, match="set both sides alike"):
        task.evaluate(model, tones, run)


def test_train_cannot_be_disjoint_from_itself(model: Model, tones: Tones, run: Run) -> None:
    encoded = encode_split(model, tones.split("train"), run, NAMES)
    assert "those of the training" in disjoint(tones, encoded, "train")


def test_predicting_needs_a_recording(task: FaceFromVoice, model: Model) -> None:
    with pytest.raises(UserError, match="recording of a voice"):
        task.predict(model, {"face": np.zeros((4, 4, 3), np.uint8)})
    sample: Any = Tones().split("test")[0]
    assert task.predict(model, {"voice": sample.fields["voice"]}).arrays["features"].ndim == 1
