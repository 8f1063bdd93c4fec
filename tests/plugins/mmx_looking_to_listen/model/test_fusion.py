from __future__ import annotations

import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_looking_to_listen.model.audio_stream import AudioStream
from mmx_looking_to_listen.model.fusion import AudioVisualBlstm, VisualStream, reduced
from mmx_looking_to_listen.model.head import Masks


def count(*modules: torch.nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def features(batch: int = 2, frames: int = 20, images: int = 8, faces: int = 2, dim: int = 6) -> dict[str, Features]:
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(batch, frames, 10, generator=generator)
    face = torch.randn(batch, faces * images, dim, generator=generator)
    return {"audio": Features(audio.mean(1), audio), "faces": Features(face.mean(1), face)}


def fuser(**changes: object) -> AudioVisualBlstm:
    options = {"channels": 4, "hidden": 5, "widths": (8, 7)} | changes
    torch.manual_seed(0)
    return AudioVisualBlstm({"audio": 10, "faces": 6}, **options).eval()


def test_the_full_visual_stream_has_the_papers_parameters() -> None:
    assert count(VisualStream(1024, 256)) == 3_478_016


def blstm(width: int, hidden: int = 400) -> int:
    return 2 * (4 * hidden * width + 4 * hidden * hidden + 8 * hidden)


@pytest.mark.parametrize("faces", [1, 2, 3])
@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_the_full_model_by_hand(faces: int, merge: str) -> None:
    full = AudioVisualBlstm({"audio": 2056, "faces": 1024}, faces=faces, merge=merge)
    head = Masks({"joint": 600, "voices": 514}, faces=faces)
    width = 2056 + faces * 256
    assert full.blstm.input_size == width == {1: 2312, 2: 2568, 3: 2824}[faces]
    first = 800 if merge == "concat" else 400
    connected = first * 600 + 600 + 2 * (600 * 600 + 600)
    masks = 600 * 257 * 2 * faces + 257 * 2 * faces
    total = 2_835_480 + 3_478_016 + blstm(width) + connected + masks
    assert count(AudioStream(), full, head) == total
    if faces == 2:
        assert round(total / 1e6, 1) == {"concat": 17.6, "sum": 17.4}[merge]


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("fusion", ["blstm", "conv"])
@pytest.mark.parametrize("upsample", ["nearest", "linear"])
@pytest.mark.parametrize("visual", ["full", "static_frame", "shuffled", "zero", "early_fusion", "none"])
def test_every_switch_runs(merge: str, fusion: str, upsample: str, visual: str) -> None:
    part = fuser(merge=merge, fusion=fusion, upsample=upsample, visual=visual)
    assert isinstance(part, Fuser)
    found = part(features(), Batch(["a", "b"]))["joint"].tokens_BTD
    assert found.shape == (2, 20, 7)
    assert part.dims == {"joint": 7}
    assert list(part.requires("joint")) == (["audio"] if visual == "none" else ["audio", "faces"])


def test_sum_adds_both_directions() -> None:
    part = fuser(merge="sum")
    raw = features()
    parts = [raw["audio"].tokens_BTD, *part.visual_features(raw["faces"].tokens_BTD, 20).unbind(1)]
    both = part.blstm(torch.cat(parts, -1))[0]
    expected = part.connected(both[..., :5] + both[..., 5:])
    torch.testing.assert_close(part(raw, Batch(["a", "b"]))["joint"].tokens_BTD, expected)


def test_the_visual_stream_is_shared_and_keeps_the_order_of_faces() -> None:
    part = fuser()
    tokens = features()["faces"].tokens_BTD
    seen = part.visual_features(tokens, 20)
    assert seen.shape == (2, 2, 20, 4)
    swapped = part.visual_features(tokens.unflatten(1, (2, 8)).flip(1).flatten(1, 2), 20)
    torch.testing.assert_close(swapped, seen.flip(1))
    alone = part.stream(tokens[:1, 8:].transpose(1, 2))
    nearest = alone[..., (torch.arange(20) * 8 // 20)].transpose(1, 2)
    torch.testing.assert_close(seen[0, 1], nearest[0])


def test_what_controls_take_away() -> None:
    face = torch.randn(3, 9, 4)
    assert not reduced(face, "zero").any()
    torch.testing.assert_close(reduced(face, "static_frame"), face[:, 4:5].expand(3, 9, 4))
    shuffled = reduced(face, "shuffled")
    assert not torch.equal(shuffled, face)
    torch.testing.assert_close(shuffled.sort(1).values, face.sort(1).values)
    torch.testing.assert_close(reduced(face, "full"), face)


def test_audio_only_does_not_look() -> None:
    part = fuser(visual="none")
    raw = features()
    with_faces = part(raw, Batch(["a", "b"]))["joint"].tokens_BTD
    torch.testing.assert_close(part({"audio": raw["audio"]}, Batch(["a", "b"]))["joint"].tokens_BTD, with_faces)


def test_misfits_are_told() -> None:
    with pytest.raises(PortError, match="there is no faces"):
        AudioVisualBlstm({"audio": 10})
    with pytest.raises(PortError, match="tokens of encoder 'faces'"):
        fuser()({"audio": features()["audio"]}, Batch(["a"]))
    with pytest.raises(DataError, match="17 frames do not divide into 2 faces"):
        fuser().visual_features(torch.zeros(1, 17, 6), 20)


def test_blank_faces_tell_nothing_and_need_no_stream() -> None:
    blind = fuser(visual="zero")
    assert not hasattr(blind, "stream")
    assert not blind.visual_features(torch.randn(1, 16, 6), 20).any()
