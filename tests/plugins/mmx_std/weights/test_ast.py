from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification, ASTModel

from mmx.errors import AssetError
from mmx.types import Audio
from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import KaldiFbank
from mmx_std.weights.ast import adapted, classifier_names, read_ast, resize_positions

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


def by_hand(grid: np.ndarray, wanted: tuple[int, int]) -> np.ndarray:
    """Positions (H, W) on another grid, written out: the middle of a longer axis, linear between cells of a shorter."""
    for axis, size in enumerate(wanted):
        have = grid.shape[axis]
        if size <= have:
            start = int(have / 2) - int(size / 2)
            grid = np.take(grid, range(start, start + size), axis)
            continue
        places = [min(max((i + 0.5) * have / size - 0.5, 0), have - 1) for i in range(size)]
        low = [int(place) for place in places]
        high = [min(each + 1, have - 1) for each in low]
        share = np.array(places) - low
        share = share[:, None] if axis == 0 else share[None, :]
        grid = (1 - share) * np.take(grid, low, axis) + share * np.take(grid, high, axis)
    return grid


@pytest.mark.parametrize("wanted", [(12, 101), (12, 12), (5, 23), (30, 24), (24, 24)])
def test_positions_of_an_image_are_cut_and_interpolated(wanted: tuple[int, int]) -> None:
    """The grid of a 384-pixel image in patches of 16 is 24 x 24; class and distillation keep their places."""
    rng = np.random.default_rng(0)
    grid = rng.standard_normal((24, 24))
    positions = torch.from_numpy(np.concatenate([[-1.0, -2.0], grid.ravel()]))[None, :, None]
    fitted = resize_positions(positions, 2, wanted, "x", image=True)[0, :, 0]
    assert fitted[:2].tolist() == [-1, -2]
    np.testing.assert_allclose(fitted[2:].numpy().reshape(wanted), by_hand(grid, wanted), atol=1e-12)


def test_a_grid_of_as_many_places_is_still_another_grid() -> None:
    positions = torch.arange(2 + 16.0).view(1, -1, 1)
    fitted = resize_positions(positions, 2, (2, 8), "x", image=True)[0, 2:, 0]
    assert fitted.view(2, 8)[:, [0, -1]].tolist() == [[6, 9], [10, 13]]  # rows 1 and 2 of 4 x 4


def vit(channels: int = 3, side: int = 4) -> dict[str, Tensor]:
    """A distilled vision transformer under timm's names, with weights of our own model elsewhere."""
    renamed = {name.removeprefix("module.v."): x for name, x in public_names(ast().state_dict()).items()}
    torch.manual_seed(1)
    renamed["patch_embed.proj.weight"] = torch.randn(32, channels, 16, 16)
    renamed["pos_embed"] = torch.randn(1, 2 + side * side, 32)
    return {name: x for name, x in renamed.items() if "mlp_head" not in name}


def test_weights_of_imagenet_see_a_spectrogram_as_a_grey_image(tmp_path: Path) -> None:
    """The patches of one channel are those of an image with this channel in all three colours."""
    state = vit()
    torch.save(state, tmp_path / "deit.pth")
    loaded = ast(tmp_path / "deit.pth")
    x = torch.randn(2, 1, 46, 56)
    kernel, bias = state["patch_embed.proj.weight"], state["patch_embed.proj.bias"]
    grey = torch.nn.functional.conv2d(x.repeat(1, 3, 1, 1), kernel, bias, stride=10)
    torch.testing.assert_close(loaded.projection(x), grey, atol=1e-3, rtol=1e-4)
    grid = state["pos_embed"][0, 2:].reshape(4, 4, 32).numpy()
    expected = np.stack([by_hand(grid[..., each], loaded.grid) for each in range(32)], axis=-1)
    np.testing.assert_allclose(loaded.positions[0, 2:].detach().numpy(), expected.reshape(-1, 32), atol=1e-6)
    assert torch.equal(loaded.positions[0, :2], state["pos_embed"][0, :2])
    assert torch.equal(loaded.blocks[1].mlp.fc2.weight, state["blocks.1.mlp.fc2.weight"])


def test_weights_of_one_channel_and_the_same_grid_are_left_alone() -> None:
    tensors = {"projection.weight": torch.randn(4, 1, 2, 2), "positions": torch.randn(1, 2 + 6, 4)}
    found = adapted(tensors, 2, (2, 3), "x")
    assert all(found[name] is tensors[name] for name in tensors)


def test_a_published_folder_gives_weights_a_classifier_and_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    names = {0: "Speech", 1: "Dog", 2: "Bell"}
    config = ASTConfig(**sizes, max_length=56, num_mel_bins=46, id2label=names, layer_norm_eps=1e-6)
    model = ASTForAudioClassification(config).eval()
    model.save_pretrained(tmp_path / "ast")
    tensors, told = read_ast(str(tmp_path / "ast"))
    assert told == ["Speech", "Dog", "Bell"]
    assert {name: tuple(x.shape) for name, x in classifier_names(tensors).items()} == {
        "norm.weight": (32,),
        "norm.bias": (32,),
        "layer.weight": (3, 32),
        "layer.bias": (3,),
    }
    x = torch.randn(2, 56, 46)
    with torch.no_grad():
        torch.testing.assert_close(
            ast(tmp_path / "ast")(x).pooled_BD,
            model.audio_spectrogram_transformer(x).pooler_output,
            atol=1e-5,
            rtol=1e-4,
        )
    with pytest.raises(AssetError, match="neither a file, nor a local folder"):
        read_ast(str(tmp_path / "none"))
    with pytest.raises(AssetError, match="no such file"):
        read_ast(str(tmp_path / "none.pth"))
