"""Public checkpoints: every key finds its place, and the loaded model computes what the released one computes.

The checkpoints themselves are not here. The keys below are those that the released code's attributes give; arrays are
random. What a loaded model says is compared with the layers of the released code, written again from their equations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmx.errors import AssetError
from mmx.types import Batch, Sample
from mmx_vatt.model.fusion import CommonSpaces
from mmx_vatt.model.tokenisers import AudioTokens, VideoTokens, WordTokens
from mmx_vatt.weights import convert, main, renamed

D, M, HEADS, LAYERS, WORD, POST, FINE, COARSE = 8, 12, 2, 2, 5, 1024, 6, 4
ROOT = "model/layer_with_weights-0/_base_layer/"
END = "/.ATTRIBUTES/VARIABLE_VALUE"


class Corpus:
    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, None] = {}
    digest = "words"

    def split(self, name: str) -> list[Sample]:
        return [Sample("a", {"text": "one two three four"})]


def transformer(place: str, biased: bool = True) -> dict[str, tuple[int, ...]]:
    """The keys of a TransformerEncoder of the released code, with their shapes."""
    keys: dict[str, tuple[int, ...]] = {}
    for n in range(LAYERS):
        layer = f"{place}layers/{n}/"
        for part in "qkvo":
            keys |= {f"{layer}mha/{part}/kernel": (D, D), f"{layer}mha/{part}/bias": (D,)}
        keys |= {f"{layer}feed_forward/mlp/wi/kernel": (D, M), f"{layer}feed_forward/mlp/wi/bias": (M,)}
        keys |= {f"{layer}feed_forward/mlp/wo/kernel": (M, D), f"{layer}feed_forward/mlp/wo/bias": (D,)}
        for norm in ("layer_norm", "feed_forward/layer_norm"):
            keys |= {f"{layer}{norm}/gamma": (D,), f"{layer}{norm}/beta": (D,)}
    return keys | {f"{place}final_layer_norm/gamma": (D,), f"{place}final_layer_norm/beta": (D,)}


def t5(place: str) -> dict[str, tuple[int, ...]]:
    keys: dict[str, tuple[int, ...]] = {}
    for n in range(LAYERS):
        layer = f"{place}layers/{n}/"
        keys |= {f"{layer}self_attention/attention/{part}/kernel": (D, D) for part in "qkvo"}
        keys |= {f"{layer}self_attention/layer_norm/weight": (D,)}
        keys |= {f"{layer}feed_forward/mlp/wi/kernel": (D, M), f"{layer}feed_forward/mlp/wo/kernel": (M, D)}
        keys |= {f"{layer}feed_forward/layer_norm/{name}": (D,) for name in ("gamma", "beta")}
    keys[f"{place}layers/0/self_attention/attention/relative_attention_bias/embeddings"] = (32, HEADS)
    return keys | {f"{place}final_layer_norm/weight": (D,)}


def positions(place: str, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    keys = {f"{place}{axis}_position_embeddings/embeddings": (size, D) for axis, size in sizes.items()}
    return {**keys, f"{place}layernorm/gamma": (D,), f"{place}layernorm/beta": (D,)}


HEAD = {
    "vid_to_hid/kernel": (POST, FINE), "hid_to_va/dense/kernel": (FINE, FINE), "va_to_vat/dense/kernel": (FINE, COARSE),
    "aud_to_va/kernel": (POST, FINE), "aud_to_va/bias": (FINE,),
    "txt_to_vat/kernel": (POST, COARSE), "txt_to_vat/bias": (COARSE,),
    **{f"hid_to_va/{bn}/{name}": (FINE,) for bn in ("pre_bn", "bn")
       for name in ("gamma", "beta", "moving_mean", "moving_variance")},
    **{f"va_to_vat/bn/{name}": (COARSE,) for name in ("gamma", "beta", "moving_mean", "moving_variance")},
}  # fmt: skip


def specific() -> dict[str, tuple[int, ...]]:
    video, audio, text = (f"{name}_backbone/_base/" for name in ("vid", "aud", "txt"))
    keys: dict[str, tuple[int, ...]] = {
        f"{video}voxel_to_patch/kernel": (2, 4, 4, 3, D), f"{video}voxel_to_patch/bias": (D,),
        f"{audio}wave_to_patch/kernel": (16, 1, D), f"{audio}wave_to_patch/bias": (D,),
        f"{text}embedding/embeddings": (20, WORD), f"{text}pre_proj/kernel": (WORD, D),
        f"{text}post_proj/kernel": (D, POST), f"{text}agg_token_embd": (WORD,),
        **positions(f"{video}pos_embedding_lookup/", {"temporal": 2, "vertical": 2, "horizontal": 2}),
        **positions(f"{audio}pos_embedding_lookup/", {"temporal": 4}),
        **transformer(f"{video}tx/"), **transformer(f"{audio}tx/"), **t5(f"{text}base_lm/"),
    }  # fmt: skip
    for place in (video, audio):
        keys |= {f"{place}pre_proj/kernel": (D, D), f"{place}pre_proj/bias": (D,), f"{place}agg_token_embd": (D,)}
        keys |= {f"{place}post_proj/kernel": (D, POST), f"{place}post_proj/bias": (POST,)}
    return {
        **{ROOT + key + END: shape for key, shape in keys.items()},
        **{ROOT + "head/" + k + END: s for k, s in HEAD.items()},
    }


def unified() -> dict[str, tuple[int, ...]]:
    place = "unified_backbone/unified_transformer/"
    keys: dict[str, tuple[int, ...]] = {
        f"{place}raw_to_embeddings/video/kernel": (2, 4, 4, 3, D), f"{place}raw_to_embeddings/video/bias": (D,),
        f"{place}raw_to_embeddings/audio/kernel": (16, 1, D), f"{place}raw_to_embeddings/audio/bias": (D,),
        f"{place}raw_to_embeddings/text/embeddings": (20, WORD),
        **positions(f"{place}pos_embedding_lookup/video/", {"temporal": 2, "vertical": 2, "horizontal": 2}),
        **positions(f"{place}pos_embedding_lookup/audio/", {"temporal": 4}),
        **positions(f"{place}pos_embedding_lookup/text/", {"temporal": 6}),
        **transformer(f"{place}tx/"),
    }  # fmt: skip
    for name, short, width in (("video", "vid", D), ("audio", "aud", D), ("text", "txt", WORD)):
        keys |= {f"{place}pre_proj/{name}/kernel": (width, D), f"{place}pre_proj/{name}/bias": (D,)}
        keys |= {f"{place}post_proj/{name}/kernel": (D, POST), f"{place}post_proj/{name}/bias": (POST,)}
        keys |= {f"{place}{short}_agg_embedding": (D,)}
    return {
        **{ROOT + key + END: shape for key, shape in keys.items()},
        **{ROOT + "head/" + k + END: s for k, s in HEAD.items()},
    }


def arrays(keys: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {key: (0.3 * rng.standard_normal(shape)).astype(np.float32) for key, shape in sorted(keys.items())}
    return {key: np.abs(value) + 0.5 if "variance" in key or "gamma" in key else value for key, value in found.items()}


def built(
    kind: str, weights: str | None, frames: int = 4, seconds: float = 0.064
) -> tuple[dict[str, nn.Module], CommonSpaces]:
    code: dict[str, Any] = {"version": "code", "weights": weights}
    encoders: dict[str, nn.Module] = {
        "video": VideoTokens(D, frames=frames, side=8, patch=(2, 4, 4), **code),
        "audio": AudioTokens(D, rate=1000, seconds=seconds, patch=16, **code),
        "text": WordTokens(
            Corpus(), width=D, vocabulary=20, words=6, neighbours=1, vectors=WORD, frozen=True,
            positions="relative" if kind == "specific" else "absolute", **code,
        ),
    }  # fmt: skip
    size = {"layers": LAYERS, "heads": HEADS, "hidden": M}
    fuser = CommonSpaces(
        dict.fromkeys(encoders, D), backbone=kind, sizes=dict.fromkeys(("video", "audio", "text", "shared"), size),  # type: ignore[arg-type]
        relative=("text",) if kind == "specific" else (), version="code", fine=FINE, coarse=COARSE, weights=weights,
    )  # fmt: skip
    for part in (*encoders.values(), fuser):
        part.eval()
    return encoders, fuser


@pytest.mark.parametrize(("kind", "keys"), [("specific", specific()), ("agnostic", unified())])
def test_every_key_finds_its_place_and_nothing_is_missing(kind: str, keys: dict[str, Any], tmp_path: Path) -> None:
    extra = {"optimizer/iter" + END: np.zeros(1), ROOT + "vid_backbone/_base/mask_token_embd" + END: np.zeros(D)}
    strange = {ROOT + "vid_backbone/_base/tx/layers/0/new_thing/kernel" + END: np.zeros((2, 2))}
    np.savez(tmp_path / "public.npz", **arrays(keys), **extra, **strange)
    said: list[str] = []
    target = tmp_path / "ours.safetensors"
    assert main([str(tmp_path / "public.npz"), str(target)], said.append) == 0
    assert said[-2:] == ["1 keys are not known:", f"  {next(iter(strange))}"]
    encoders, fuser = built(kind, str(target))
    first, _ = built(kind, str(target))
    assert torch.equal(encoders["video"].embed.linear.weight, first["video"].embed.linear.weight)  # type: ignore[union-attr]
    assert torch.equal(
        fuser.spaces.heads["video_va"].norms[0].running_var,
        torch.tensor(arrays(keys)[ROOT + "head/hid_to_va/pre_bn/moving_variance" + END]),
    )  # type: ignore[union-attr,index]


def norm(x: Tensor, a: Mapping[str, Any], place: str) -> Tensor:
    return F.layer_norm(
        x, (x.shape[-1],), torch.tensor(a[place + "gamma" + END]), torch.tensor(a[place + "beta" + END]), 1e-6
    )


def rms(x: Tensor, weight: Any) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * torch.tensor(weight)


def common_spaces(post: Tensor, a: Mapping[str, np.ndarray]) -> tuple[Tensor, Tensor]:
    """The released head of video: its vectors in the fine and in the coarse space."""
    head = {
        key.removeprefix(ROOT + "head/").removesuffix(END): torch.tensor(v) for key, v in a.items() if "/head/" in key
    }

    def bn(x: Tensor, name: str) -> Tensor:
        return F.batch_norm(
            x,
            head[f"{name}/moving_mean"],
            head[f"{name}/moving_variance"],
            head[f"{name}/gamma"],
            head[f"{name}/beta"],
            eps=1e-5,
        )

    va = bn(
        bn(post @ head["vid_to_hid/kernel"], "hid_to_va/pre_bn").relu() @ head["hid_to_va/dense/kernel"], "hid_to_va/bn"
    )
    vt = bn(va.relu() @ head["va_to_vat/dense/kernel"], "va_to_vat/bn")
    return va, vt


def test_video_goes_through_the_released_codes_layers(tmp_path: Path) -> None:
    a = arrays(specific())
    encoders, fuser = loaded("specific", a, tmp_path)
    place = ROOT + "vid_backbone/_base/"
    w = {
        key.removeprefix(place).removesuffix(END): torch.tensor(value)
        for key, value in a.items()
        if key.startswith(place)
    }
    torch.manual_seed(0)
    clip = torch.randint(0, 256, (1, 4, 8, 8, 3), dtype=torch.uint8)
    x = clip.float() / 127.5 - 1
    # Conv3D over [batch, time, height, width, colour], kernel [time, height, width, colour, out]
    kernel = w["voxel_to_patch/kernel"].permute(4, 3, 0, 1, 2)
    tokens = F.conv3d(x.permute(0, 4, 1, 2, 3), kernel, w["voxel_to_patch/bias"], (2, 4, 4)).flatten(2).transpose(1, 2)
    tokens = F.gelu(tokens @ w["pre_proj/kernel"] + w["pre_proj/bias"])
    tables = [
        w[f"pos_embedding_lookup/{axis}_position_embeddings/embeddings"]
        for axis in ("temporal", "vertical", "horizontal")
    ]
    places = (tables[0][:, None, None] + tables[1][None, :, None] + tables[2][None, None]).flatten(0, 2)
    tokens = tokens + norm(places, a, place + "pos_embedding_lookup/layernorm/")
    h = torch.cat([w["agg_token_embd"][None, None], tokens], 1)
    for n in range(LAYERS):
        layer = f"tx/layers/{n}/"
        y = norm(h, a, f"{place}{layer}layer_norm/")
        q, k, v = (
            (y @ w[f"{layer}mha/{p}/kernel"] + w[f"{layer}mha/{p}/bias"]).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for p in "qkv"
        )
        mixed = (q @ k.transpose(2, 3) / (D / HEADS) ** 0.5).softmax(-1) @ v
        h = h + mixed.transpose(1, 2).flatten(2) @ w[f"{layer}mha/o/kernel"] + w[f"{layer}mha/o/bias"]
        y = norm(h, a, f"{place}{layer}feed_forward/layer_norm/")
        y = F.gelu(y @ w[f"{layer}feed_forward/mlp/wi/kernel"] + w[f"{layer}feed_forward/mlp/wi/bias"])
        h = h + y @ w[f"{layer}feed_forward/mlp/wo/kernel"] + w[f"{layer}feed_forward/mlp/wo/bias"]
    h = norm(h, a, place + "tx/final_layer_norm/")
    post = F.gelu(h[:, 0] @ w["post_proj/kernel"] + w["post_proj/bias"])
    va, vt = common_spaces(post, a)
    patches = encoders["video"].grid.cut(clip)  # type: ignore[union-attr,operator]
    with torch.no_grad():
        fused = fuser({"video": encoders["video"](patches)}, Batch(["a"]))
    assert torch.allclose(fused["video"].pooled_BD, h[:, 0], atol=1e-5)
    assert torch.allclose(fused["video_va"].pooled_BD, va, atol=1e-4)
    assert torch.allclose(fused["video_vt"].pooled_BD, vt, atol=1e-4)


def test_words_go_through_t5s_layers(tmp_path: Path) -> None:
    from mmx_std.ops.tokens.positions import buckets

    a = arrays(specific())
    encoders, fuser = loaded("specific", a, tmp_path)
    place = ROOT + "txt_backbone/_base/"
    w = {
        key.removeprefix(place).removesuffix(END): torch.tensor(value)
        for key, value in a.items()
        if key.startswith(place)
    }
    ids = torch.tensor([[[6, 7, 8, 0, 0, 0]]])
    h = torch.cat([w["agg_token_embd"][None], w["embedding/embeddings"][ids[0, 0, :3]]])
    h = F.gelu(h @ w["pre_proj/kernel"])[None]
    relative = w["base_lm/layers/0/self_attention/attention/relative_attention_bias/embeddings"][buckets(4)].permute(
        2, 0, 1
    )
    for n in range(LAYERS):
        layer = f"base_lm/layers/{n}/"
        y = rms(h, w[f"{layer}self_attention/layer_norm/weight"])
        q, k, v = (
            (y @ w[f"{layer}self_attention/attention/{p}/kernel"]).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for p in "qkv"
        )
        mixed = (q @ k.transpose(2, 3) + relative).softmax(-1) @ v  # T5 does not scale
        h = h + mixed.transpose(1, 2).flatten(2) @ w[f"{layer}self_attention/attention/o/kernel"]
        y = norm(h, a, f"{place}{layer}feed_forward/layer_norm/")
        h = h + F.gelu(y @ w[f"{layer}feed_forward/mlp/wi/kernel"]) @ w[f"{layer}feed_forward/mlp/wo/kernel"]
    h = rms(h, w["base_lm/final_layer_norm/weight"])[:, 0]
    with torch.no_grad():
        fused = fuser({"text": encoders["text"](ids)}, Batch(["a"]))
    assert torch.allclose(fused["text"].pooled_BD, h, atol=1e-5)
    post = F.gelu(h @ w["post_proj/kernel"])
    head = {
        key.removeprefix(ROOT + "head/").removesuffix(END): torch.tensor(v) for key, v in a.items() if "/head/" in key
    }
    assert torch.allclose(
        fused["text_vt"].pooled_BD, post @ head["txt_to_vat/kernel"] + head["txt_to_vat/bias"], atol=1e-4
    )


def loaded(kind: str, a: Mapping[str, np.ndarray], folder: Path) -> tuple[dict[str, nn.Module], CommonSpaces]:
    np.savez(folder / "public.npz", **a)
    assert main([str(folder / "public.npz"), str(folder / "ours.safetensors")], lambda line: None) == 0
    return built(kind, str(folder / "ours.safetensors"))


def test_positions_are_stretched_to_another_clip(tmp_path: Path) -> None:
    a = arrays(specific())
    np.savez(tmp_path / "public.npz", **a)
    main([str(tmp_path / "public.npz"), str(tmp_path / "ours.safetensors")], lambda line: None)
    encoders, _ = built("specific", str(tmp_path / "ours.safetensors"), frames=6, seconds=0.112)
    table = torch.tensor(
        a[ROOT + "vid_backbone/_base/pos_embedding_lookup/temporal_position_embeddings/embeddings" + END]
    )
    stretched = encoders["video"].embed.positions.tables[0]  # type: ignore[union-attr]
    assert torch.allclose(stretched, torch.stack([table[0], table.mean(0), table[1]]), atol=1e-6)
    assert encoders["audio"].embed.positions.tables[0].shape == (7, D)  # type: ignore[union-attr]


def test_heads_may_be_an_axis_of_their_own() -> None:
    a = arrays(specific())
    flat, _ = convert(a)
    split = {
        key: value.reshape(D, HEADS, -1) if re.search(r"mha/[qkv]/kernel", key)
        else value.reshape(HEADS, -1, D) if key.endswith("mha/o/kernel" + END)
        else value.reshape(HEADS, -1) if key.endswith(("mha/q/bias" + END, "mha/v/bias" + END)) else value
        for key, value in a.items()
    }  # fmt: skip
    again, unknown = convert(split)
    assert unknown == []
    assert all(torch.equal(flat[name], again[name]) for name in flat)


def test_names_of_layers_and_of_attributes_are_the_same() -> None:
    assert renamed("x/transformer/layer_3/multi_head_attention/q/kernel" + END) == "x/tx/layers/3/mha/q/kernel"
    assert renamed("x/dense_gelu_dense/wi/bias") == "x/mlp/wi/bias"
    assert renamed("x/spatio_temporal_embeddings/layer_norm/gamma") == "x/pos_embedding_lookup/layernorm/gamma"
    assert renamed("x/waveform_to_patch/kernel") == "x/wave_to_patch/kernel"


def test_a_checkpoint_that_does_not_fit_says_what(tmp_path: Path) -> None:
    a = arrays(specific())
    short = {key: value for key, value in a.items() if "pre_proj" not in key}
    np.savez(tmp_path / "public.npz", **short)
    main([str(tmp_path / "public.npz"), str(tmp_path / "ours.safetensors")], lambda line: None)
    with pytest.raises(AssetError, match=r"encoders.video: .*do not fit .*missing .embed.dense.bias.*version: code"):
        built("specific", str(tmp_path / "ours.safetensors"))
    said: list[str] = []
    assert main(["only-one.npz"], said.append) == 2
    assert main([str(tmp_path / "none.npz"), "x.safetensors"], said.append) == 2
    assert "usage" in said[0]
    assert "none.npz" in said[1]
