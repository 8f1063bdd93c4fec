"""What controls take away, and how a split is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.errors import DataError
from mmx_hero.evaluation.reading import CHANGES, Names, encoded, fuser_of, read
from mmx_hero.model import rows
from mmx_std.fusers.pooled import NoFusion
from tests.plugins.mmx_hero.conftest import Episodes, TinyRun, batch_of, fuser, row, table, toy_model


def test_controls_take_away_what_their_names_say(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    mask = torch.arange(8) < torch.tensor([[8], [5]])
    batch = batch_of(frames, mask, subtitles=subtitles)
    found = {name: change(batch, model) for name, change in CHANGES.items()}
    assert not rows.rows_of(found["no_subtitles"], "subtitles").any()
    blank: Any = found["no_video"].cached["frames"]
    assert not blank.tokens_BTD.any()
    assert torch.equal(blank.mask_BT, mask)
    times = rows.rows_of(found["shuffled_subtitles"], "subtitles")
    assert times[0, :2, :2].tolist() == [[6.0, 9.0], [0.0, 4.5]]
    assert torch.equal(times[..., 2:], subtitles[..., 2:])
    mixed: Any = found["shuffled_frames"].cached["frames"].tokens_BTD
    assert not torch.equal(mixed, frames)
    assert torch.equal(mixed[1, 5:], frames[1, 5:]), "padding stays where it is"
    assert torch.allclose(mixed[1, :5].sort(0).values, frames[1, :5].sort(0).values)
    assert torch.equal(rows.rows_of(batch, "subtitles"), subtitles), "the batch itself is as it was"


def test_a_split_is_read_by_every_variant(run: TinyRun) -> None:
    model, videos = toy_model(), Episodes().split("test")
    found = read(model, toy_model(), videos, Names(), run, CHANGES)
    assert found.ids == [video.id for video in videos]
    assert set(found.videos) == {"own", "untrained", *CHANGES}
    assert found.videos["own"].clips_MTW.shape == (12, 8, 16)
    assert found.queries["own"].shape == (12, 16)
    assert found.owner_N.tolist() == list(range(12))
    assert torch.equal(found.videos["own"].clips_MTW, found.videos["untrained"].clips_MTW), "the same weights"
    assert not torch.allclose(found.videos["own"].clips_MTW, found.videos["no_video"].clips_MTW)
    one = model(model.prepare(videos[3:4]), ["fused.clips"]).fused["clips"].tokens_BTD
    assert torch.allclose(found.videos["own"].clips_MTW[3], one[0], atol=1e-4)


def test_frames_are_encoded_once() -> None:
    model = toy_model()
    batch = encoded(model, model.prepare(Episodes().split("test")[:2]))
    assert encoded(model, batch) is batch


def test_what_cannot_be_judged(tmp_path: Path) -> None:
    model = toy_model()
    videos = [type(video)(video.id, {**video.fields, "queries": ()}) for video in Episodes().split("test")]
    with pytest.raises(DataError, match="has a query"):
        read(model, model, videos, Names(), TinyRun(tmp_path), {})
    with pytest.raises(DataError, match="no sample of the split can be read"):
        read(model, model, [], Names(), TinyRun(tmp_path), {})
    model.fuser = NoFusion({"frames": 3})
    with pytest.raises(DataError, match="hero/hierarchical"):
        fuser_of(model)
    assert table([row(0, 1)]).shape[0] == 1
