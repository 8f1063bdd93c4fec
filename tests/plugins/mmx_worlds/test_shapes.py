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
    GLIDES,
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


def test_gliding_tones_rise_or_fall_and_have_the_same_mean_spectrum() -> None:
    world = Shapes(clips=60, val_clips=1, test_clips=1, held_out=0, rate=16000, noise=0, glides=True, colours=2)
    centres: dict[int, list[float]] = {0: [], 1: []}
    means: dict[int, list[float]] = {0: [], 1: []}
    for sample in world.split("train"):
        wave_T = sample.fields["audio"].samples_CT[0]
        halves = []
        for part_T in (wave_T[:8000], wave_T[8000:], wave_T):
            power = np.abs(np.fft.rfft(part_T * np.hanning(len(part_T)))) ** 2
            hertz = np.fft.rfftfreq(len(part_T), 1 / 16000)
            halves.append(float((np.log2(hertz[1:]) * power[1:]).sum() / power[1:].sum()))
        centres[sample.targets["glide"]].append(halves[1] - halves[0])
        means[sample.targets["glide"]].append(halves[2] - (halves[0] + halves[1]) / 2)
        name = world.targets["sound"][sample.targets["sound"]]
        assert name == f"{GLIDES[sample.targets['glide']]} {CLASSES[sample.targets['object']]}"
    assert min(centres[0]) > 0 > max(centres[1])  # rising, falling
    assert np.mean(centres[0]) == pytest.approx(-np.mean(centres[1]), rel=0.2)
    assert len(world.targets["sound"]) == 2 * 4 * 2


def test_without_glides_a_sound_is_an_object() -> None:
    sample = SINGLE.split("train")[3]
    assert sample.targets["glide"] == -1 and sample.targets["sound"] == sample.targets["object"]


def test_pairs_hold_two_things_and_train_one() -> None:
    assert all(sample.targets["objects"].sum() == 2 for sample in SINGLE.split("pairs"))
    assert all(sample.targets["objects"].sum() == 1 for sample in SINGLE.split("train"))
    with pytest.raises(DataError, match="no split 'pairs'"):
        Shapes(clips=4, val_clips=1, test_clips=1, centred=True).split("pairs")


def test_classes_can_all_be_shown_and_colours_be_fewer() -> None:
    world = Shapes(clips=400, val_clips=1, test_clips=1, held_out=0, colours=3)
    seen = {sample.targets["object"] for sample in world.split("train")}
    assert seen == {label for label in range(24) if label % 6 < 3}
    with pytest.raises(DataError, match="no split 'novel'"):
        world.split("novel")
    with pytest.raises(ConfigError, match="held_out"):
        Shapes(held_out=4, colours=3)


def test_sensors_show_what_their_kind_can_show() -> None:
    by_object: dict[int, list[Sample]] = {}
    for sample in Shapes(clips=300, val_clips=1, test_clips=1, noise=0, centred=True, held_out=0).split("train"):
        by_object.setdefault(sample.targets["object"], []).append(sample)
    red, green = by_object[0], by_object[1]  # circles of two colours
    sizes = {int(sample.fields["depth"][..., 0].max()) for sample in red}
    assert sizes == {int(sample.fields["depth"][..., 0].max()) for sample in green} and len(sizes) == 2
    warm, cool = (max(int(each.fields["thermal"].max()) for each in group) for group in (red, green))
    assert warm > cool
    assert red[0].fields["motion"].rate == 200 and not np.array_equal(
        red[0].fields["motion"].values_TC, green[0].fields["motion"].values_TC
    )


def test_data_of_runs_before_there_were_sensors_is_the_same_data() -> None:
    """The digest that CLIP's stored runs name; what was added later changes none of their fields."""
    world = Shapes(clips=6000, val_clips=300, test_clips=600, side=32, held_out=4, seconds=0.25, rate=6000)
    assert world.digest == "3d91770ae1191b3b6151ac701fbbd56b"
    assert world.digest != Shapes(clips=6000, val_clips=300, test_clips=600, side=32, held_out=4, glides=True).digest


def test_plain_captions_name_things_row_by_row_in_one_form() -> None:
    plain = Shapes(clips=60, max_objects=3, plain=True, sizes=False)
    assert plain.digest != Shapes(clips=60, max_objects=3, sizes=False).digest
    for sample in plain.split("train"):
        real = sample.targets["cells"] >= 0
        cells, things = sample.targets["cells"][real], sample.targets["things"][real]
        assert cells.tolist() == sorted(cells) and sample.targets["objects"][things].all()
        rows, columns = ("top", "middle", "bottom"), ("left", "centre", "right")
        said = [
            f"a {CLASSES[label]} at the {rows[cell // 3]} {columns[cell % 3]}"
            for label, cell in zip(things, cells, strict=True)
        ]
        assert sample.fields["caption"] == " and ".join(said)
        assert sample.targets["object"] == things[0]


def test_two_things_may_be_of_one_shape() -> None:
    world = Shapes(clips=60, max_objects=3, alike=True)
    assert world.digest != Shapes(clips=60, max_objects=3).digest
    for sample in world.split("train"):
        labels = [int(label) for label in sample.targets["things"] if label >= 0]
        assert len(set(labels)) == len(labels)
        shapes = [label // len(COLOURS) for label in labels]
        assert len(labels) == 1 or max(shapes.count(shape) for shape in shapes) >= 2
