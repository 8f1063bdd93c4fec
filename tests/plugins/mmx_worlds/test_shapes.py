from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Corpus
from mmx.types import Sample
from mmx_worlds.shapes import (
    CLASSES,
    COLOURS,
    FUNDAMENTALS,
    OVERTONES,
    PULSES,
    SHAPES,
    SPLITS,
    Shapes,
    band_frequency,
    held_out_classes,
    stamp,
)

WORLD = Shapes(clips=120, val_clips=20, test_clips=40, max_objects=2)
SINGLE = Shapes(clips=200, val_clips=20, test_clips=40)


def same(one: Sample, two: Sample) -> bool:
    return (
        one.id == two.id
        and np.array_equal(one.fields["image"], two.fields["image"])
        and np.array_equal(one.fields["audio"].samples_CT, two.fields["audio"].samples_CT)
        and np.array_equal(one.fields["signal"].values_TC, two.fields["signal"].values_TC)
        and one.fields["caption"] == two.fields["caption"]
        and all(np.array_equal(one.targets[name], two.targets[name]) for name in one.targets)
    )


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert WORLD.card.synthetic
    assert [len(WORLD.split(name)) for name in SPLITS] == [120, 20, 40, 40, 40]
    sample = WORLD.split("train")[0]
    assert set(sample.fields) == set(WORLD.fields) and set(sample.targets) == set(WORLD.targets)
    assert len(WORLD.digest) <= 36


def test_media_are_in_range() -> None:
    for sample in WORLD.split("train"):
        image, audio, signal = (sample.fields[name] for name in ("image", "audio", "signal"))
        assert image.dtype == np.uint8 and image.shape == (36, 36, 3)
        assert audio.samples_CT.dtype == np.float32 and audio.samples_CT.shape == (1, 8000)
        assert np.isfinite(audio.samples_CT).all() and 0.05 < np.abs(audio.samples_CT).max() <= 1
        assert signal.values_TC.dtype == np.float32 and signal.values_TC.shape == (64, 40)


def test_samples_do_not_depend_on_order_or_process() -> None:
    forward = list(WORLD.split("test"))
    again = pickle.loads(pickle.dumps(Shapes(clips=120, val_clips=20, test_clips=40, max_objects=2).split("test")))
    for number in reversed(range(40)):
        assert same(again[number], forward[number])
    assert not same(WORLD.split("train")[0], Shapes(clips=120, max_objects=2, seed=1).split("train")[0])


def test_boxes_and_colours_are_what_is_drawn() -> None:
    clean = Shapes(clips=150, max_objects=3, noise=0.0)
    for sample in clean.split("train"):
        drawn = np.abs(sample.fields["image"].astype(int) - round(0.12 * 255)).max(axis=-1) > 1
        union = np.zeros_like(drawn)
        for box in sample.targets["boxes"].astype(int):
            left, top, right, bottom = box
            inside = drawn[top:bottom, left:right]
            if box.any():
                assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
                union[top:bottom, left:right] = True
        assert not drawn[~union].any()
        left, top, right, bottom = sample.targets["boxes"][0].astype(int)
        middle = sample.fields["image"][(top + bottom) // 2, (left + right) // 2]
        colour = list(COLOURS.values())[sample.targets["colour"]]
        np.testing.assert_allclose(middle / 255, colour, atol=0.01)


@pytest.mark.parametrize(("shape", "area"), [("circle", np.pi), ("square", 1.7**2), ("triangle", 1.8), ("cross", None)])
def test_stamps_have_the_area_of_their_shape(shape: str, area: float | None) -> None:
    covered = stamp(SHAPES.index(shape), "large", (120, 120), 240).sum()
    radius = 0.38 * 80
    expected = area if area is not None else 2 * (0.66 * 2) - 0.66**2
    assert covered / radius**2 == pytest.approx(expected, rel=0.04)


def test_words_agree_with_the_truth() -> None:
    vocabulary: set[str] = set()
    for sample in SINGLE.split("train"):
        words = sample.fields["caption"]
        vocabulary.update(words.split())
        assert CLASSES[sample.targets["object"]] in words
        row, column = divmod(int(sample.targets["cells"][0]), 3)
        assert f"at the {('top', 'middle', 'bottom')[row]} {('left', 'centre', 'right')[column]}" in words
        left, top, right, bottom = sample.targets["boxes"][0]
        assert int((left + right) / 2 // 12) == column and int((top + bottom) / 2 // 12) == row
    assert len(vocabulary) < 40
    pair = next(sample for sample in WORLD.split("train") if sample.targets["objects"].sum() == 2)
    assert len(re.findall(" at the ", pair.fields["caption"])) == 2


def test_the_truth_can_be_read_from_the_waveform() -> None:
    """Peaks of the spectrum give the bands; the envelope gives the pulse: together the class, without error."""
    for sample in SINGLE.split("train"):
        wave = sample.fields["audio"].samples_CT[0]
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        frequencies = np.fft.rfftfreq(len(wave), 1 / 8000)
        envelope = np.abs(np.fft.rfft(wave**2 - np.mean(wave**2)))
        scores = []
        for shape in range(len(SHAPES)):
            for colour in range(len(COLOURS)):
                bands = [FUNDAMENTALS[shape] + above for above in OVERTONES[colour]]
                peaks = [spectrum[np.abs(frequencies - band_frequency(band)).argmin()] for band in bands]
                pulse = envelope[PULSES[colour]] / envelope[1:15].max()
                scores.append(min(peaks) / spectrum.max() + pulse)
        assert int(np.argmax(scores)) == sample.targets["object"]


def test_the_patch_shows_the_bands_of_the_class() -> None:
    for sample in SINGLE.split("train"):
        level = sample.fields["signal"].values_TC.mean(axis=0)
        colour = sample.targets["colour"]
        bands = {FUNDAMENTALS[sample.targets["shape"]] + above for above in OVERTONES[colour]}
        assert set(np.argsort(level)[-len(bands) :]) == bands


def test_held_out_combinations_are_in_split_novel_only() -> None:
    novel = set(held_out_classes(3))
    assert len(novel) == 3
    for name in SPLITS:
        for sample in WORLD.split(name):
            shown = set(np.flatnonzero(sample.targets["objects"]).tolist())
            assert shown <= novel if name == "novel" else not shown & novel
    assert len({label % len(COLOURS) for label in held_out_classes(6)}) == 6
    for count in range(1, 7):
        rest = set(range(len(CLASSES))) - set(held_out_classes(count))
        assert {label // len(COLOURS) for label in rest} == set(range(len(SHAPES)))
        assert {label % len(COLOURS) for label in rest} == set(range(len(COLOURS)))


def test_targets_agree_with_each_other() -> None:
    for sample in WORLD.split("train"):
        targets = sample.targets
        assert targets["object"] == targets["shape"] * len(COLOURS) + targets["colour"]
        assert targets["objects"][targets["object"]] == 1
        assert targets["objects"].sum() == (targets["cells"] >= 0).sum() == targets["boxes"].any(axis=1).sum()


def test_the_digest_follows_every_parameter() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"clips": 7},
        {"val_clips": 7},
        {"test_clips": 7},
        {"side": 48},
        {"max_objects": 2},
        {"seconds": 2.0},
        {"rate": 16000},
        {"noise": 0.1},
        {"held_out": 4},
        {"seed": 1},
    ]
    assert len({Shapes(**change).digest for change in changes}) == len(changes)


def test_an_unknown_split_is_one_line() -> None:
    with pytest.raises(DataError, match="splits: train, val, test, novel"):
        WORLD.split("held_out")


def test_equal_captions_are_one_sentence_and_without_details_they_repeat() -> None:
    plain = Shapes(clips=300, places=False, sizes=False).split("train")
    sentences = [sample.targets["sentence"] for sample in plain]
    assert sentences == [sample.fields["caption"] for sample in plain]
    assert len(set(sentences)) <= 4 * 21  # templates x combinations that train has
    assert not any(word in sentence for sentence in sentences for word in ("small", "large", " at "))
    assert len({sample.targets["sentence"] for sample in SINGLE.split("train")}) > 150


@pytest.mark.parametrize(("said", "gone", "kept"), [("no-colour", COLOURS, SHAPES), ("no-shape", SHAPES, COLOURS)])
def test_a_control_leaves_words_unsaid_and_draws_the_same(said: str, gone: Any, kept: Any) -> None:
    told, untold = Shapes(clips=60, said="all").split("train"), Shapes(clips=60, said=said).split("train")
    for whole, part in zip(told, untold, strict=True):
        words = part.fields["caption"].split()
        assert not set(words) & set(gone) and len(set(words) & set(kept)) == 1
        assert np.array_equal(whole.fields["image"], part.fields["image"])
        assert whole.targets["object"] == part.targets["object"]


def test_a_centred_thing_is_large_and_in_the_middle() -> None:
    world = Shapes(clips=100, centred=True, side=48, noise=0.0)
    for sample in world.split("train"):
        left, top, right, bottom = sample.targets["boxes"][0]
        assert abs((left + right) / 2 - 24) <= 48 / 32 + 1 and abs((top + bottom) / 2 - 24) <= 48 / 32 + 3
        assert right - left >= 0.85 * 2 * 2 * 0.26 * 48 / 3 - 1
        assert sample.targets["cells"].tolist() == [4] and " at the " not in sample.fields["caption"]
    with pytest.raises(ConfigError, match="only one thing can be in the centre"):
        Shapes(centred=True, max_objects=2)


def test_every_option_has_its_own_digest() -> None:
    options: list[dict[str, Any]] = [{}, {"centred": True}, {"places": False}, {"sizes": False}, {"said": "no-shape"}]
    assert len({Shapes(**each).digest for each in options}) == len(options)
