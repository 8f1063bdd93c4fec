"""Vectors of a split: item by item, windows averaged, what is missing as NaN."""

from __future__ import annotations

import numpy as np
import torch

from mmx.data.lazy import LazyFields
from mmx.errors import DataError
from mmx.types import Audio, Cue, Sample, Video
from mmx_std.ops.windows import cut
from mmx_vatt.evaluation.vectors import gather
from tests.plugins.mmx_vatt.conftest import WORLD, TinyRun, model

PORTS = ("fused.video_va", "fused.audio_va", "fused.text_vt")


def test_every_item_has_its_own_row(run: TinyRun) -> None:
    made = model()
    samples = [WORLD.split("test")[i] for i in range(5)]
    found = gather(made, run, samples, PORTS, seconds=1.024, text="text")
    batch = made.prepare(samples, ["video"])
    expected = made(batch, ["fused.video_va"]).fused["video_va"].pooled_BD.detach().double().numpy()
    np.testing.assert_allclose(found["fused.video_va"], expected, atol=1e-5)
    alone = made.prepare([Sample("x", {"narration": samples[2].fields["text"]})], ["text"])
    np.testing.assert_allclose(
        found["fused.text_vt"][2],
        made(alone, ["fused.text_vt"]).fused["text_vt"].pooled_BD[0].detach().numpy(),
        atol=1e-5,
    )
    assert found.known(*PORTS).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(np.linalg.norm(found.unit("fused.audio_va", np.array([1, 3])), axis=1), 1)


def unreadable() -> tuple[Cue, ...]:
    raise DataError("no subtitles")


def test_what_an_item_lacks_or_cannot_give_is_not_a_number(run: TinyRun) -> None:
    made = model()
    whole = WORLD.split("test")[0]
    dumb = Sample("dumb", LazyFields({"video": lambda: whole.fields["video"]}))
    broken = Sample("broken", {"audio": Audio(np.full((1, 10), np.nan, np.float32), 4000)})
    found = gather(made, run, [whole, dumb, broken], PORTS, seconds=1.024, text="text")
    assert np.isfinite(found["fused.video_va"][:, 0]).tolist() == [True, True, False]
    assert np.isfinite(found["fused.audio_va"][:, 0]).tolist() == [True, False, False]
    assert found.known("fused.video_va").tolist() == [0, 1]
    late = Sample("late", {"narration": (Cue(9.0, 10.0, "something else"),)})
    lost = Sample("lost", LazyFields({"narration": unreadable}))
    said = gather(made, run, [whole, late, lost], ["fused.text_vt"], seconds=1.024)
    assert said.known("fused.text_vt").tolist() == [0]
    assert found.known(*PORTS).tolist() == [0]


def test_windows_are_averaged_before_anything_else(run: TinyRun) -> None:
    made = model()
    rng = np.random.default_rng(0)
    video = Video(rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8), 7.8125)
    found = gather(made, run, [Sample("a", {"video": video})], ["fused.video_va"], seconds=1.024, windows=3)
    rows = [
        made(made.prepare([Sample("w", {"video": cut(video, 1.024, 3)[w]})], ["video"]), ["fused.video_va"])
        for w in range(3)
    ]
    mean = torch.stack([row.fused["video_va"].pooled_BD[0] for row in rows]).mean(0)
    np.testing.assert_allclose(found["fused.video_va"][0], mean.detach().numpy(), atol=1e-5)
