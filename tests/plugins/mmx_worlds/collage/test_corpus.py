from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from mmx.data.collate import stack_targets
from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.types import Sample
from mmx_worlds.collage.corpus import Collage, render_audio, render_frames
from mmx_worlds.collage.script import CLASSES, Script
from mmx_worlds.real.links import SCENES, SPLITS, materials
from mmx_worlds.real.sounds import transfer_files

WORLD = Collage(clips=60, val_clips=20, test_clips=20)


def script_of(sample: Sample) -> Script:
    script: Script = sample.fields._makers["frames"].args[0]  # type: ignore[attr-defined]
    return script


def fingerprint(sample: Sample) -> str:
    fields, targets = sample.fields, sample.targets
    parts: tuple[Any, ...] = (
        fields["frames"].frames_THWC.tobytes(),
        fields["image"].tobytes(),
        fields["audio"].samples_CT.tobytes(),
        fields["caption"].encode(),
        repr({name: np.asarray(value, dtype=object).tolist() for name, value in targets.items()}).encode(),
    )
    return sha256(b"|".join(parts)).hexdigest()


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert len(WORLD.digest) <= 36
    assert WORLD.card.synthetic
    sample = WORLD.split("train")[0]
    assert set(sample.fields) == set(WORLD.fields)
    assert set(sample.targets) == set(WORLD.targets)
    assert [len(WORLD.split(name)) for name in SPLITS] == [60, 20, 20]


@pytest.mark.parametrize("split", SPLITS)
def test_media_are_in_range(split: str) -> None:
    for sample in WORLD.split(split):
        video, audio = sample.fields["frames"], sample.fields["audio"]
        assert video.frames_THWC.dtype == np.uint8
        assert video.frames_THWC.shape == (16, 64, 64, 3)
        np.testing.assert_array_equal(sample.fields["image"], video.frames_THWC[8])
        assert audio.samples_CT.dtype == np.float32
        assert audio.samples_CT.shape == (1, 64000)
        assert np.isfinite(audio.samples_CT).all()
        assert 0.29 < np.abs(audio.samples_CT).max() < 0.96
        assert np.sqrt(np.mean(audio.samples_CT**2)) > 1e-3


@pytest.mark.parametrize(
    ("side", "rate", "seconds", "fps", "frames"),
    [(33, 22050, 2.5, 4, 10), (128, 8000, 0.5, 1, 1), (64, 16000, 1, 12.5, 12)],
)
def test_any_size_and_rate(side: int, rate: int, seconds: float, fps: float, frames: int) -> None:
    world = Collage(clips=3, side=side, rate=rate, seconds=seconds, fps=fps, max_objects=3)
    for sample in world.split("train"):
        assert sample.fields["frames"].frames_THWC.shape == (frames, side, side, 3)
        assert sample.fields["audio"].samples_CT.shape == (1, round(seconds * rate))
        assert sample.targets["boxes"].shape == (3, frames, 4)


def test_a_clip_does_not_depend_on_the_order_of_access() -> None:
    forward = [fingerprint(sample) for sample in WORLD.split("val")]
    again = Collage(clips=60, val_clips=20, test_clips=20).split("val")
    assert [fingerprint(again[number]) for number in reversed(range(20))] == forward[::-1]
    assert len(set(forward)) == 20
    alone = WORLD.split("val")[3]
    assert fingerprint(alone) == forward[3]
    late = WORLD.split("val")[3]
    late.fields["audio"], late.fields["caption"]
    assert fingerprint(late) == forward[3]


def test_a_clip_is_the_same_in_another_process() -> None:
    code = (
        "from mmx_worlds.collage.corpus import Collage; from hashlib import sha256\n"
        "s = Collage(clips=60, val_clips=20, test_clips=20).split('train')[7]\n"
        "print(sha256(s.fields['frames'].frames_THWC.tobytes() + s.fields['audio'].samples_CT.tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fields = WORLD.split("train")[7].fields
    here = sha256(fields["frames"].frames_THWC.tobytes() + fields["audio"].samples_CT.tobytes()).hexdigest()
    assert done.stdout.strip() == here


def test_a_split_can_be_sent_to_a_worker() -> None:
    split = pickle.loads(pickle.dumps(WORLD.split("test")))
    assert fingerprint(split[2]) == fingerprint(WORLD.split("test")[2])
    sample = pickle.loads(pickle.dumps(WORLD.split("test")[2]))
    assert fingerprint(sample) == fingerprint(WORLD.split("test")[2])


def test_seeds_splits_and_indices_give_other_clips() -> None:
    other = Collage(clips=60, val_clips=20, test_clips=20, seed=1)
    prints = {
        fingerprint(world.split(split)[number]) for world in (WORLD, other) for split in SPLITS for number in (0, 1)
    }
    assert len(prints) == 12


def test_media_files_of_the_splits_are_disjoint_and_never_of_the_transfer_task() -> None:
    used = {split: {file for sample in WORLD.split(split) for file in sample.targets["files"]} for split in SPLITS}
    assert not used["train"] & used["val"] and not used["train"] & used["test"] and not used["val"] & used["test"]
    held_back = {media.file for media in transfer_files()}
    for split in SPLITS:
        assert not used[split] & held_back
        assert used[split] <= materials()[split].files


def test_targets_agree_with_each_other() -> None:
    for sample in WORLD.split("train"):
        targets = sample.targets
        script = script_of(sample)
        assert targets["objects"].sum() == len(script.things) == len(targets["onsets"])
        assert targets["objects"][targets["object"]] == 1
        assert 0 <= targets["scene"] < len(SCENES)
        assert targets["objects"].shape == (len(CLASSES),)
        assert not targets["boxes"][len(script.things) :].any()


def test_a_batch_stacks_what_has_one_shape() -> None:
    targets = stack_targets(list(WORLD.split("train")[:6]))
    assert targets["object"].shape == targets["scene"].shape == (6,)
    assert targets["objects"].shape == (6, len(CLASSES))
    assert targets["boxes"].shape == (6, 2, 16, 4)
    assert isinstance(targets["onsets"], list) and isinstance(targets["files"], list)


def test_boxes_hold_the_pixels_of_the_things_and_nothing_else_changes() -> None:
    setting = WORLD._setting
    for sample in WORLD.split("train")[:30]:
        script = script_of(sample)
        for number, thing in enumerate(script.things):
            with_it = render_frames(replace(script, things=(thing,)), setting).frames_THWC.astype(int)
            without = render_frames(replace(script, things=()), setting).frames_THWC.astype(int)
            for changed, box in zip(
                np.abs(with_it - without).max(axis=-1) > 0, sample.targets["boxes"][number], strict=True
            ):
                left, top, right, bottom = box.astype(int)
                assert 0 <= left < right <= setting.side and 0 <= top < bottom <= setting.side
                inside = changed[top:bottom, left:right]
                assert changed.sum() == inside.sum()
                assert inside.mean() > 0.08
                # The box is tight: something of the thing is near each of its sides.
                rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
                assert rows[0] <= 3 and len(inside) - 1 - rows[-1] <= 3
                assert columns[0] <= 3 and inside.shape[1] - 1 - columns[-1] <= 3


def test_things_begin_to_sound_at_their_onsets() -> None:
    checked = 0
    world = Collage(clips=60, snr_db=(60, 60))
    split = world.split("train")
    studio = world._studios["train"]
    for sample in split:
        script = script_of(sample)
        for thing in script.things:
            alone = replace(script, things=(replace(thing, gain=1.0),), room=0.0)
            audio = render_audio(alone, studio, (0,)).samples_CT[0]
            onset = round(thing.onsets[0] * 16000)
            before = audio[max(0, onset - 1600) : onset]
            after = audio[onset : onset + 4800]
            if len(before) < 800:
                continue
            assert np.abs(after).max() > 10 * np.abs(before).max()
            checked += 1
    assert checked > 30


def test_noise_gets_louder_with_a_lower_ratio() -> None:
    clean, noisy = (Collage(clips=20, snr_db=(snr, snr)).split("train") for snr in (40.0, 0.0))
    for one, two in zip(clean, noisy, strict=True):
        assert one.targets["onsets"] == two.targets["onsets"]
        start = int(one.targets["onsets"][0][0] * 16000) if len(one.targets["onsets"]) == 1 else 0
        if start > 1600:
            quiet, loud = (
                s.fields["audio"].samples_CT[0, :start] / np.abs(s.fields["audio"].samples_CT).max() for s in (one, two)
            )
            assert np.std(loud) > 3 * np.std(quiet)


def test_the_digest_follows_every_parameter() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"clips": 7},
        {"val_clips": 7},
        {"test_clips": 7},
        {"seconds": 3.0},
        {"side": 65},
        {"rate": 8000},
        {"fps": 5.0},
        {"max_objects": 1},
        {"snr_db": (5.0, 30.0)},
        {"semitones": 3.0},
        {"sizes": (0.5, 0.7)},
        {"seed": 3},
    ]
    digests = [Collage(**change).digest for change in changes]
    assert len(set(digests)) == len(changes)
    assert Collage(seconds=4, fps=4).digest == digests[0]


def test_wrong_requests_are_one_line() -> None:
    with pytest.raises(DataError, match="no split 'trian'; did you mean 'train'"):
        WORLD.split("trian")
    with pytest.raises(DataError, match="snr_db"):
        Collage(snr_db=(20, 10))
    with pytest.raises(DataError, match="sizes"):
        Collage(sizes=(0.8, 0.5))


def test_the_main_thing_has_the_size_asked_for() -> None:
    world = Collage(clips=6, side=100, max_objects=1, sizes=(0.9, 1.0))
    for sample in world.split("train"):
        left, top, right, bottom = sample.targets["boxes"][0].T
        longest = np.maximum(right - left, bottom - top)
        assert (longest >= 88).all()
        assert (longest <= 100).all()
