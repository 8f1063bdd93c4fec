from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

from mmx.errors import AssetError
from mmx.types import Audio
from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import KaldiFbank
from mmx_std.weights.ast import resize_positions

SIZES = {"bands": 46, "frames": 56, "width": 32, "depth": 2, "heads": 4}


def transformers_model() -> ASTModel:
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_length=56,
        num_mel_bins=46,
        layer_norm_eps=1e-6,
    )
    model = ASTModel(config).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.1)
    return model


def ast(weights: str | Path | None = None, **options: object) -> Ast:
    frontend = KaldiFbank(bands=46, frames=56)
    return Ast(frontend, None if weights is None else str(weights), **{**SIZES, **options}).eval()  # type: ignore[arg-type]


def public_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of the AudioSet checkpoints, written out from our own model's weights."""
    renamed = {
        "module.v.cls_token": state["special_tokens"][:, :1],
        "module.v.dist_token": state["special_tokens"][:, 1:],
        "module.v.pos_embed": state["positions"],
        "module.v.patch_embed.proj.weight": state["projection.weight"],
        "module.v.patch_embed.proj.bias": state["projection.bias"],
        "module.v.norm.weight": state["norm.weight"],
        "module.v.norm.bias": state["norm.bias"],
        "module.v.head.weight": torch.zeros(5, 32),
        "module.v.head_dist.weight": torch.zeros(5, 32),
        "module.mlp_head.0.weight": torch.zeros(32),
        "module.mlp_head.1.bias": torch.zeros(527),
    }
    parts = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    for block in range(2):
        for part in parts:
            for kind in ("weight", "bias"):
                renamed[f"module.v.blocks.{block}.{part}.{kind}"] = state[f"blocks.{block}.{part}.{kind}"]
    return {name: value.clone() for name, value in renamed.items()}


def older_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names that transformers 4 saved on the hub, from those of transformers 5."""
    pairs = [
        ("layers.", "encoder.layer."),
        ("attention.q_proj", "attention.attention.query"),
        ("attention.k_proj", "attention.attention.key"),
        ("attention.v_proj", "attention.attention.value"),
        ("attention.o_proj", "attention.output.dense"),
        ("mlp.fc1", "intermediate.dense"),
        ("mlp.fc2", "output.dense"),
    ]
    older = {}
    for name, value in state.items():
        for new, old in pairs:
            name = name.replace(new, old)
        older[f"audio_spectrogram_transformer.{name}"] = value
    return {**older, "classifier.dense.weight": torch.zeros(527, 32)}


@pytest.mark.parametrize("generation", ["newer", "older"])
def test_transformers_weights_give_transformers_numbers(tmp_path: Path, generation: str) -> None:
    model = transformers_model()
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state if generation == "newer" else older_names(state), tmp_path / "ast.safetensors")
    x = torch.randn(2, 56, 46)
    with torch.no_grad():
        expected = model(x)
        features = ast(tmp_path / "ast.safetensors")(x)
    torch.testing.assert_close(features.pooled_BD, expected.pooler_output, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(features.tokens_BTD, expected.last_hidden_state[:, 2:], atol=1e-5, rtol=1e-4)


def test_the_public_names_are_ours(tmp_path: Path) -> None:
    source = ast()
    torch.save(public_names(source.state_dict()), tmp_path / "audioset.pth")
    loaded = ast(tmp_path / "audioset.pth")
    for name, value in source.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_our_own_weights_are_taken_too(tmp_path: Path) -> None:
    source = ast()
    save_file(source.state_dict(), tmp_path / "own.safetensors")
    assert torch.equal(ast(tmp_path / "own.safetensors").positions, source.positions)


def test_without_distillation_its_token_and_position_are_dropped(tmp_path: Path) -> None:
    source = ast()
    torch.save(public_names(source.state_dict()), tmp_path / "audioset.pth")
    loaded = ast(tmp_path / "audioset.pth", distillation=False, pooling="cls")
    assert torch.equal(loaded.special_tokens, source.special_tokens[:, :1])
    assert torch.equal(loaded.positions, torch.cat([source.positions[:, :1], source.positions[:, 2:]], 1))


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    state = public_names(ast().state_dict())
    del state["module.v.blocks.1.mlp.fc2.bias"]
    torch.save(state, tmp_path / "audioset.pth")
    with pytest.raises(AssetError, match=r"1 missing \(blocks.1.mlp.fc2.bias\)"):
        ast(tmp_path / "audioset.pth")


def test_positions_are_cut_to_their_centre() -> None:
    grid = torch.arange(12 * 101.0).view(12, 101)
    positions = torch.cat([torch.tensor([-1.0, -2.0]), grid.flatten()]).view(1, -1, 1)
    cut = resize_positions(positions, 2, (4, 21), "x")
    assert cut[0, :2, 0].tolist() == [-1, -2]
    assert torch.equal(cut[0, 2:, 0].view(4, 21), grid[4:8, 40:61])


def test_positions_are_interpolated_where_more_are_needed() -> None:
    grid = torch.arange(101.0).expand(12, 101)
    positions = torch.cat([torch.zeros(2), grid.flatten()]).view(1, -1, 1)
    wide = resize_positions(positions, 2, (12, 202), "x")[0, 2:, 0].view(12, 202)
    expected = [min(max((t + 0.5) / 2 - 0.5, 0.0), 100.0) for t in range(202)]
    torch.testing.assert_close(wide[5], torch.tensor(expected))


def test_the_same_grid_is_kept_and_an_unknown_one_refused() -> None:
    positions = torch.randn(1, 2 + 15, 4)
    assert resize_positions(positions, 2, (3, 5), "x") is positions
    with pytest.raises(AssetError, match="15 positions"):
        resize_positions(positions, 2, (3, 6), "x")


def test_the_front_end_is_the_one_of_the_public_weights() -> None:
    samples = (np.random.default_rng(0).standard_normal(16_000) * 0.1).astype(np.float32)
    expected = ASTFeatureExtractor(max_length=120)(samples - samples.mean(), sampling_rate=16_000, return_tensors="pt")
    x = KaldiFbank(frames=120).prepare(Audio(samples[None], 16_000))
    torch.testing.assert_close(x, expected["input_values"][0], atol=1e-4, rtol=1e-4)
