"""ImageBind's file, built here in the published layout with small sizes, and its arithmetic written out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmx.errors import AssetError
from mmx_std.encoders.clip import ClipImage, ClipText
from mmx_std.encoders.frontends import KaldiFbank
from mmx_std.encoders.towers.patches import PatchAudio, PatchImage, PatchSignal
from mmx_std.weights.clip import clip_tower
from mmx_std.weights.imagebind import tower

WIDTH, HEADS, OUT = 16, 2, 8


def published() -> dict[str, Tensor]:
    """Names and shapes as `imagebind_huge.pth` has them: two blocks, width 16, projected to 8."""
    generator = torch.Generator().manual_seed(0)

    def make(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.3

    stems = {
        "vision": ("rgbt_stem.proj.1", (WIDTH, 3, 2, 8, 8), 5, "pos_embedding_helper.pos_embed", "2"),
        "audio": ("rgbt_stem.proj", (WIDTH, 1, 16, 10), 1 + 3 * 4, "pos_embedding_helper.pos_embed", "2"),
        "depth": ("depth_stem.proj", (WIDTH, 1, 8, 8), 5, "pos_embedding_helper.pos_embed", "2"),
        "thermal": ("rgbt_stem.proj", (WIDTH, 1, 8, 8), 5, "pos_embedding_helper.pos_embed", "2"),
        "imu": ("imu_stem.proj", (WIDTH, 6 * 4), 1 + 5, "pos_embed", "3"),
    }
    state = {}
    for name, (stem, shape, tokens, positions, last) in stems.items():
        shape = (WIDTH, 1, 16, 16) if name == "audio" else shape
        before, head = f"modality_preprocessors.{name}", f"modality_heads.{name}"
        state |= {f"{before}.{stem}.weight": make(*shape), f"{before}.cls_token": make(1, 1, WIDTH)}
        state[f"{before}.{positions}"] = make(1, tokens, WIDTH)
        if name == "vision":
            state |= norm(f"modality_trunks.{name}.pre_transformer_layer.0", make)
        else:
            state |= norm(f"{before}.{stem.partition('.')[0]}.norm_layer", make)
        state |= {**blocks(name, make, kv=name != "vision"), **norm(f"{head}.0", make)}
        state[f"{head}.{last}.weight"] = make(OUT, WIDTH)
    before = "modality_preprocessors.text"
    state |= {f"{before}.token_embedding.weight": make(50, WIDTH), f"{before}.pos_embed": make(1, 7, WIDTH)}
    state |= {f"{before}.mask": make(7, 7), **blocks("text", make, kv=False)}
    state |= {**norm("modality_heads.text.proj.0", make), "modality_heads.text.proj.1.weight": make(OUT, WIDTH)}
    return {**state, "modality_postprocessors.text.1.log_logit_scale": torch.tensor(2.0)}


def norm(name: str, make: Callable[..., Tensor]) -> dict[str, Tensor]:
    return {f"{name}.weight": 1 + make(WIDTH), f"{name}.bias": make(WIDTH)}


def blocks(name: str, make: Callable[..., Tensor], *, kv: bool) -> dict[str, Tensor]:
    state = {}
    for number in range(2):
        block = f"modality_trunks.{name}.blocks.{number}"
        state |= {**norm(f"{block}.norm_1", make), **norm(f"{block}.norm_2", make)}
        state |= {f"{block}.attn.in_proj_weight": make(3 * WIDTH, WIDTH), f"{block}.attn.in_proj_bias": make(3 * WIDTH)}
        state |= {f"{block}.attn.out_proj.weight": make(WIDTH, WIDTH), f"{block}.attn.out_proj.bias": make(WIDTH)}
        state |= {f"{block}.mlp.fc1.weight": make(4 * WIDTH, WIDTH), f"{block}.mlp.fc1.bias": make(4 * WIDTH)}
        state |= {f"{block}.mlp.fc2.weight": make(WIDTH, 4 * WIDTH), f"{block}.mlp.fc2.bias": make(WIDTH)}
        if kv:
            state |= {f"{block}.attn.bias_k": make(1, 1, WIDTH), f"{block}.attn.bias_v": make(1, 1, WIDTH)}
    return state


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "imagebind_tiny.pth"
    torch.save(published(), path)
    return str(path)


def by_hand(state: dict[str, Tensor], name: str, hidden_TD: Tensor, *, causal: bool = False, read: int = 0) -> Tensor:
    """One item through the blocks and the head: attention with one more key and value where there is one."""
    for number in range(2):
        part = {key.rpartition(f"trunks.{name}.blocks.{number}.")[2]: x for key, x in state.items()}
        x = functional.layer_norm(hidden_TD, (WIDTH,), part["norm_1.weight"], part["norm_1.bias"], 1e-6)
        q, k, v = (x @ part["attn.in_proj_weight"].T + part["attn.in_proj_bias"]).chunk(3, dim=1)
        if "attn.bias_k" in part:
            k, v = torch.cat([k, part["attn.bias_k"][0]]), torch.cat([v, part["attn.bias_v"][0]])
        heads = []
        for head in range(HEADS):
            columns = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            scores = q[:, columns] @ k[:, columns].T / (WIDTH // HEADS) ** 0.5
            if causal:
                scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
            heads.append(scores.softmax(dim=1) @ v[:, columns])
        hidden_TD = hidden_TD + torch.cat(heads, 1) @ part["attn.out_proj.weight"].T + part["attn.out_proj.bias"]
        x = functional.layer_norm(hidden_TD, (WIDTH,), part["norm_2.weight"], part["norm_2.bias"], 1e-6)
        x = functional.gelu(x @ part["mlp.fc1.weight"].T + part["mlp.fc1.bias"])
        hidden_TD = hidden_TD + x @ part["mlp.fc2.weight"].T + part["mlp.fc2.bias"]
    keys = [key for key in state if key.startswith(f"modality_heads.{name}.") and key.endswith("weight")]
    first, last = sorted(keys)
    bias = state[first.replace("weight", "bias")]
    return functional.layer_norm(hidden_TD[read], (WIDTH,), state[first], bias, 1e-6) @ state[last].T


def embedded(state: dict[str, Tensor], name: str, patches_TD: Tensor, stem: str) -> Tensor:
    before = f"modality_preprocessors.{name}"
    weight, bias = (state[f"{before}.{stem}.norm_layer.{kind}"] for kind in ("weight", "bias"))
    patches_TD = functional.layer_norm(patches_TD, (WIDTH,), weight, bias)
    positions = next(x for key, x in state.items() if key.startswith(before) and key.endswith("pos_embed"))
    return torch.cat([state[f"{before}.cls_token"][0], patches_TD]) + positions[0]


@pytest.mark.parametrize("name", ["depth", "thermal"])
def test_towers_of_grey_images_give_the_published_numbers(file: str, name: str) -> None:
    state = published()
    sizes = {"width": WIDTH, "depth": 2, "heads": HEADS, "patch": 8, "image_size": 16, "out": OUT}
    encoder = PatchImage(file, tower=name, **sizes).eval()  # type: ignore[arg-type]
    x = torch.randint(0, 256, (1, 1, 16, 16)).expand(1, 3, 16, 16)
    stem = "depth_stem" if name == "depth" else "rgbt_stem"
    grey = (x[:, :1] - 127.5) / 127.5
    patches = functional.conv2d(grey, state[f"modality_preprocessors.{name}.{stem}.proj.weight"], stride=8)
    expected = by_hand(state, name, embedded(state, name, patches[0].flatten(1).T, stem))
    with torch.no_grad():
        torch.testing.assert_close(encoder(x).pooled_BD[0], expected, atol=1e-4, rtol=1e-4)


def test_the_tower_of_audio_gives_the_published_numbers(file: str) -> None:
    state = published()
    sizes = {"width": WIDTH, "depth": 2, "heads": HEADS, "bands": 36, "frames": 46, "out": OUT}
    encoder = PatchAudio(KaldiFbank(bands=36, frames=46), file, **sizes).eval()  # type: ignore[arg-type]
    x = torch.randn(1, 46, 36)
    kernel = state["modality_preprocessors.audio.rgbt_stem.proj.weight"]
    patches = functional.conv2d(x.transpose(1, 2)[:, None], kernel, stride=10)
    expected = by_hand(state, "audio", embedded(state, "audio", patches[0].flatten(1).T, "rgbt_stem"))
    with torch.no_grad():
        torch.testing.assert_close(encoder(x).pooled_BD[0], expected, atol=1e-4, rtol=1e-4)


def test_the_tower_of_motion_gives_the_published_numbers(file: str) -> None:
    state = published()
    encoder = PatchSignal(file, width=WIDTH, depth=2, heads=HEADS, steps=20, patch=4, out=OUT).eval()
    x = torch.randn(1, 20, 6)
    stretches = torch.stack([x[0, 4 * i : 4 * i + 4].T.flatten() for i in range(5)])  # channel after channel
    patches = stretches @ state["modality_preprocessors.imu.imu_stem.proj.weight"].T
    expected = by_hand(state, "imu", embedded(state, "imu", patches, "imu_stem"))
    with torch.no_grad():
        torch.testing.assert_close(encoder(x).pooled_BD[0], expected, atol=1e-4, rtol=1e-4)


def test_the_tower_of_images_sees_a_still_image_as_two_equal_frames(file: str) -> None:
    state = published()
    sizes = {"width": WIDTH, "depth": 2, "heads": HEADS, "patch": 8, "image_size": 16, "out": OUT}
    encoder = ClipImage(weights=file, activation="gelu", **sizes).eval()  # type: ignore[arg-type]
    x = torch.randint(0, 256, (1, 3, 16, 16))
    video = torch.stack([encoder.standardise(x)] * 2, dim=2)
    before = "modality_preprocessors.vision"
    patches = functional.conv3d(video, state[f"{before}.rgbt_stem.proj.1.weight"], stride=(2, 8, 8))[0].flatten(1).T
    hidden = (
        torch.cat([state[f"{before}.cls_token"][0], patches]) + state[f"{before}.pos_embedding_helper.pos_embed"][0]
    )
    name = "modality_trunks.vision.pre_transformer_layer.0"
    hidden = functional.layer_norm(hidden, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)
    with torch.no_grad():
        found = encoder(x).pooled_BD[0]
    torch.testing.assert_close(found, by_hand(state, "vision", hidden), atol=1e-3, rtol=1e-3)


def test_the_tower_of_texts_reads_the_end_token(file: str) -> None:
    state = published()
    sizes = {"width": WIDTH, "depth": 2, "heads": HEADS, "vocabulary": 50, "tokens": 7, "out": OUT}
    encoder = ClipText(None, weights=file, activation="gelu", **sizes).eval()  # type: ignore[arg-type]
    ids, mask = torch.tensor([[1, 9, 30, 2, 0]]), torch.tensor([[True] * 4 + [False]])
    before = "modality_preprocessors.text"
    hidden = state[f"{before}.token_embedding.weight"][ids[0, :4]] + state[f"{before}.pos_embed"][0, :4]
    with torch.no_grad():
        found = encoder(ids, mask).pooled_BD[0]
    expected = by_hand(state, "text", hidden, causal=True, read=3)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_a_file_without_the_tower_is_refused(tmp_path: Path, file: str) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(AssetError, match="no tower of ImageBind for 'depth'"):
        tower(str(tmp_path / "other.pth"), "depth")
    with pytest.raises(AssetError, match="no tower"):
        clip_tower(str(tmp_path / "other.pth"), "text")
    with pytest.raises(AssetError, match="do not fit PatchSignal"):
        PatchSignal(file, width=WIDTH, depth=3, heads=HEADS, steps=20, patch=4, out=OUT)
