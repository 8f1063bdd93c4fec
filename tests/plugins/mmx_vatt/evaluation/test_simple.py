"""Simple methods beside VATT: a planted relation is found, and what is judged teaches nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mmx.types import Audio, Sample, Video
from mmx_vatt.evaluation import simple
from mmx_vatt.evaluation.matching import Match

FIELDS = {"video": "video", "audio": "audio", "text": "text"}
WORDS = ("red", "orange", "yellow", "green", "blue", "violet")


def clip(number: int, hue: int, seed: int) -> Sample:
    """A bright patch whose height on the screen is the pitch of a tone, and a word for both."""
    rng = np.random.default_rng(seed)
    frames_THWC = rng.integers(0, 40, (8, 32, 32, 3), dtype=np.uint8)
    frames_THWC[:, 5 * hue : 5 * hue + 6] += np.uint8(180)
    tone_T = np.sin(2 * np.pi * 200 * 1.35**hue * np.arange(4096) / 4000) + rng.standard_normal(4096) / 20
    fields = {"video": Video(frames_THWC, 8.0), "audio": Audio(tone_T[None].astype(np.float32), 4000)}
    return Sample(str(number), {**fields, "text": f"a {WORDS[hue]} thing"}, {"object": hue})


TRAIN = [clip(i, i % 6, i) for i in range(72)]
JUDGED = [clip(i, i % 6, 1000 + i) for i in range(12)]


def matches(rows: Sequence[int] = range(12)) -> list[Match]:
    names = ("video_to_audio", "audio_to_video", "video_to_text", "audio_to_text")
    return [Match(name, np.array(rows), "", "") for name in names]


def found(judged: Sequence[Sample] = JUDGED, rows: Sequence[int] = range(12)) -> dict[str, dict[str, np.ndarray]]:
    return simple.similarities(matches(rows), TRAIN, judged, FIELDS, 1.0, 0)


def test_a_planted_relation_is_found_by_every_method() -> None:
    hue_N = np.arange(12) % 6
    every = found()
    assert set(every) == {"video_to_audio", "audio_to_video", "video_to_text"}  # audio and text: never trained on
    assert len(every["video_to_audio"]) == 4
    for name in ("video_to_audio", "video_to_text"):
        for way, scores_NN in every[name].items():
            assert (hue_N[scores_NN.argmax(1)] == hue_N).mean() >= 0.9, (name, way)
    np.testing.assert_array_equal(
        every["audio_to_video"]["cca_statistics"], every["video_to_audio"]["cca_statistics"].T
    )


def test_labels_of_judged_items_and_their_company_change_nothing() -> None:
    relabelled = [Sample(s.id, s.fields, {"object": 5 - s.targets["object"]}) for s in JUDGED]
    for way, scores_NN in found()["video_to_audio"].items():
        np.testing.assert_array_equal(scores_NN, found(relabelled)["video_to_audio"][way])
        part = found(rows=[0, 1, 2, 3])["video_to_audio"][way]
        np.testing.assert_allclose(part, scores_NN[:4, :4], atol=1e-9)


def test_pairs_that_lack_a_side_are_not_learnt_from() -> None:
    torn = [Sample(s.id, {"video": s.fields["video"], "text": s.fields["text"]}) for s in TRAIN]
    assert set(simple.similarities(matches(), torn, JUDGED, FIELDS, 1.0, 0)) == {"video_to_text"}


def test_random_filters_have_no_mean_and_length_one() -> None:
    filters_KCT = simple._filters((7, 1, 16), 3)
    torch.testing.assert_close(filters_KCT.mean((1, 2)), torch.zeros(7), atol=1e-6, rtol=0)
    torch.testing.assert_close(filters_KCT.square().sum((1, 2)), torch.ones(7))


def test_short_audio_and_a_single_frame_have_responses_too() -> None:
    audio = simple.convolved_audio(Audio(np.zeros((1, 3), np.float32), 4000), 0)
    video = simple.convolved_video(Video(np.zeros((1, 40, 20, 3), np.uint8), 5.0), 0)
    assert audio.shape == (simple.FILTERS * 4,)
    assert video.shape == (simple.FILTERS * 5,)
    assert np.isfinite(audio).all()
    assert np.isfinite(video).all()
