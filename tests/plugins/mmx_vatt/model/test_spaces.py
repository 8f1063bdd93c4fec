"""Projection heads: the paper's and the code's layers, the three arrangements, and rows that are missing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmx_vatt.model.spaces import POST, Head, Kind, Spaces, Version

WIDTHS = {"video": 12, "audio": 10, "text": 8}


def layers(head: nn.Module) -> tuple[int, int, bool]:
    assert isinstance(head, Head)
    return len(head.linears), len(head.norms), head.linears[0].bias is not None


def test_the_papers_heads() -> None:
    spaces = Spaces(dict(WIDTHS), "hierarchical", "paper", 6, 4)
    assert {name: layers(head) for name, head in spaces.heads.items()} == {
        "video_va": (2, 2, True), "audio_va": (1, 1, True), "text_vt": (1, 1, True), "g": (1, 1, True),
    }  # fmt: skip
    assert spaces.dims == {"video_va": 6, "audio_va": 6, "video_vt": 4, "audio_vt": 4, "text_vt": 4}
    assert len(spaces.post) == 0


def test_the_codes_heads() -> None:
    spaces = Spaces(dict(WIDTHS), "hierarchical", "code", 6, 4)
    assert {name: layers(head) for name, head in spaces.heads.items()} == {
        "video_va": (2, 2, False), "audio_va": (1, 0, True), "text_vt": (1, 0, True), "g": (1, 1, False),
    }  # fmt: skip
    assert spaces.heads["g"].entry
    assert [post.out_features for post in spaces.post.values()] == [POST] * 3  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["paper", "code"])
@pytest.mark.parametrize("kind", ["hierarchical", "flat", "linear"])
def test_every_arrangement_gives_what_it_promises(kind: Kind, version: Version) -> None:
    torch.manual_seed(0)
    spaces = Spaces(dict(WIDTHS), kind, version, 6, 4)
    for name, width in WIDTHS.items():
        found = spaces(torch.randn(5, width), name, None)
        assert {f"{name}_{space}": x.shape[1] for space, x in found.items()} == {
            key: size for key, size in spaces.dims.items() if key.startswith(name)
        }
        if kind == "flat" and name != "text":
            assert torch.equal(found["va"], found["vt"])


@pytest.mark.parametrize("version", ["paper", "code"])
@pytest.mark.parametrize("kind", ["hierarchical", "flat", "linear"])
@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        ("video audio text", "video_va audio_va, video_vt text_vt"),
        ("video audio", "video_va audio_va"),
        ("video text", "video_vt text_vt"),
    ],
)
def test_every_weight_serves_a_pair_that_is_trained(kind: Kind, version: Version, names: str, pairs: str) -> None:
    torch.manual_seed(0)
    spaces = Spaces({name: WIDTHS[name] for name in names.split()}, kind, version, 6, 4)
    found: dict[str, torch.Tensor] = {}
    for name in names.split():
        found |= {f"{name}_{space}": x for space, x in spaces(torch.randn(5, WIDTHS[name]), name, None).items()}
    assert set(found) == set(spaces.dims)
    assert not any(key.endswith("_va") for key in found) or "audio" in names
    assert ("audio_vt" in found) is ("audio" in names and "text" in names and kind != "linear")
    torch.stack([(found[key] ** 3).sum() for pair in pairs.split(", ") for key in pair.split()]).sum().backward()
    assert [name for name, weight in spaces.named_parameters() if weight.grad is None] == []


def test_video_reaches_the_coarse_space_through_the_fine_one() -> None:
    torch.manual_seed(0)
    spaces = Spaces(dict(WIDTHS), "hierarchical", "paper", 6, 4).eval()
    found = spaces(torch.randn(3, 12), "video", None)
    assert torch.allclose(found["vt"], spaces.heads["g"](found["va"], None))
    sound = spaces(torch.randn(3, 10), "audio", None)
    assert torch.allclose(sound["vt"], spaces.heads["g"](sound["va"], None))


def test_sound_leaves_the_statistics_of_g_alone() -> None:
    torch.manual_seed(0)
    spaces = Spaces(dict(WIDTHS), "hierarchical", "paper", 6, 4).train()
    norm = spaces.heads["g"].norms[0]  # type: ignore[index,union-attr]
    before = norm.running_mean.clone()  # type: ignore[union-attr,operator]
    spaces(torch.randn(8, 10) + 3, "audio", None)
    assert torch.equal(norm.running_mean, before)  # type: ignore[union-attr]
    spaces(torch.randn(8, 12) + 3, "video", None)
    assert not torch.equal(norm.running_mean, before)  # type: ignore[union-attr]


def test_rows_that_are_missing_do_not_count() -> None:
    torch.manual_seed(0)
    head = Head(5, 4, 3).train()
    x = torch.randn(6, 5)
    real = torch.tensor([True, True, False, True, False, True])
    found = head(x, real)
    torch.manual_seed(0)
    other = Head(5, 4, 3).train()
    assert torch.allclose(found[real], other(x[real], None), atol=1e-6)
    assert bool((found[~real] == 0).all())
    assert bool(torch.isfinite(head(x, torch.zeros(6, dtype=torch.bool))).all())
    assert bool(torch.isfinite(head(x[:1], None)).all())
