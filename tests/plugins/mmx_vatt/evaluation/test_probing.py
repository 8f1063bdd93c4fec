"""Linear probes: which items, which folds, and beside what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError, PortError
from mmx.types import Audio, Sample, Video
from mmx_vatt.evaluation import probing
from mmx_worlds.real.images import Images
from mmx_worlds.real.sounds import Sounds
from mmx_worlds.scenes.corpus import Scenes
from tests.plugins.mmx_vatt.conftest import WORLD, TinyRun, model

SILENCE = Audio(np.zeros((1, 400), np.float32), 4000)


class Colours:
    """Images of two colours: raw pixels tell them apart."""

    fields: Mapping[str, str] = {"image": "image", "caption": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("dark", "light", "rare")}

    def split(self, name: str) -> Sequence[Sample]:
        rng = np.random.default_rng(0)
        labels = [0] * 8 + [1] * 8 + [2]
        return [
            Sample(str(i), {"image": rng.integers(100 * k, 100 * k + 50, (32, 32, 3), dtype=np.uint8)}, {"label": k})
            for i, k in enumerate(labels)
        ]


def test_images_become_videos_and_rare_classes_are_left_out() -> None:
    labelled = probing.of_corpus(Colours(), model(), "video", "label", "file")  # type: ignore[arg-type]
    assert sorted(set(labelled.labels_N.tolist())) == [0, 1]
    assert len(labelled.samples) == 16
    assert isinstance(labelled.samples[0].fields["video"], Video)


def test_recordings_stay_in_one_fold() -> None:
    labelled = probing.of_corpus(Sounds(), model(), "audio", "label", "recording")
    groups = np.array([sample.targets["recording"] for sample in labelled.samples])
    for folds in labelled.plan:
        for fold in folds:
            assert not set(groups[fold.train]) & set(groups[fold.test])


def test_a_group_column_keeps_own_sounds_in_one_fold_and_none_is_told() -> None:
    class Own:
        fields: Mapping[str, str] = {"audio": "audio"}
        targets: Mapping[str, Any] = {"label": ("a", "b"), "group": None}

        def split(self, name: str) -> list[Sample]:
            if name != "all":
                raise DataError("no such split")
            return [Sample(str(i), {"audio": SILENCE}, {"label": i % 2, **self.group(i)}) for i in range(32)]

        def group(self, i: int) -> dict[str, str]:
            return {"group": f"g{i // 4}"}

    labelled = probing.of_corpus(Own(), model(), "audio", "label", "recording")  # type: ignore[arg-type]
    assert len(set(labelled.groups)) == 8 and not labelled.told
    for folds in labelled.plan:
        for fold in folds:
            assert not {labelled.groups[i] for i in fold.train} & {labelled.groups[i] for i in fold.test}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Own, "group", lambda self, i: {})
        alone = probing.of_corpus(Own(), model(), "audio", "label", "recording")  # type: ignore[arg-type]
    assert len(set(alone.groups)) == 32 and "each item counts as one of its own" in alone.told


def test_photos_of_the_probe_are_in_no_training_clip() -> None:
    labelled = probing.of_corpus(Images(unseen=True), model(), "video", "subject", "file")
    counts = np.bincount(labelled.labels_N)
    assert counts.min() >= probing.FOLDS
    assert (len(counts), counts.sum()) == (6, 97)
    shown = {file for sample in Scenes(clips=200).split("train") for file in sample.targets["files"]}
    assert not shown & {sample.id for sample in labelled.samples}


def test_a_probe_stands_beside_the_untrained_model_and_raw_input(run: TinyRun) -> None:
    labelled = probing.of_corpus(Colours(), model(), "video", "label", "file")  # type: ignore[arg-type]
    metric, lead = probing.probe("images", labelled, (model(), model(seed=3)), run, "video", seconds=1.0, windows=1)
    assert metric.chance == 0.5
    assert metric.baselines["raw_input"] == 1.0
    assert metric.baselines["majority"] == pytest.approx(0.5, abs=0.2)
    assert metric.untrained is not None
    assert 0 <= metric.value <= 1
    assert f"16 items of 2 classes: {metric.value - metric.untrained:+.3f} (95 %" in lead


def test_a_model_leads_itself_by_nothing(run: TinyRun) -> None:
    labelled = probing.of_corpus(Colours(), model(), "video", "label", "file")  # type: ignore[arg-type]
    _, lead = probing.probe("images", labelled, (model(), model()), run, "video", seconds=1.0, windows=1)
    low, high = (float(end) for end in lead.partition(").")[0].rpartition("interval ")[2].split(" to "))
    assert "+0.000 (95 %" in lead
    assert low == -high  # few items are no certainty


def test_audio_stands_beside_its_log_spectrum(run: TinyRun) -> None:
    """Noise against a tone: the spectrum tells them apart."""
    rng, time_T = np.random.default_rng(0), np.arange(4096) / 4000
    tones = [np.sin(2 * np.pi * 440 * time_T + phase) for phase in range(8)]
    rows = [*tones, *(rng.standard_normal((8, 4096)) / 4)]
    samples = [
        Sample(str(i), {"audio": Audio(row[None].astype(np.float32), 4000)}, {"object": int(i > 7)})
        for i, row in enumerate(rows)
    ]
    labelled = probing.of_splits(samples[::2], samples[1::2], "object")
    metric, _ = probing.probe("audio", labelled, (model(), model(seed=3)), run, "audio", seconds=1.0, windows=1)
    assert metric.baselines["log_spectrum"] == 1.0
    assert metric.units == 8


def test_known_and_judged_clips_are_never_mixed() -> None:
    known, judged = (
        [Sample(f"{k}{i}", {}, {"object": i % 3 if i else -1}) for i in range(count)]
        for k, count in (("k", 10), ("j", 7))
    )
    labelled = probing.of_splits(known, judged, "object")
    ((fold,),) = labelled.plan
    assert {labelled.samples[i].id[0] for i in fold.train} == {"k"}
    assert {labelled.samples[i].id[0] for i in fold.test} == {"j"}
    assert len(labelled.samples) == 15


def test_a_corpus_without_the_field_is_refused() -> None:
    with pytest.raises(PortError, match="a probe of audio needs a field of audio"):
        probing.of_corpus(Colours(), model(), "audio", "label", "file")  # type: ignore[arg-type]
    assert WORLD.split("test")[0].id
