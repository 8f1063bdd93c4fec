"""The presets `paper` and `paper-ast`: the paper's sizes, and public checkpoints that fit; nothing is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from transformers import ASTConfig, ASTModel, BertConfig, BertModel

from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import KaldiFbank, Mel
from mmx_std.encoders.pretrained import text_part
from mmx_std.encoders.spectrograms.mel_resnet import MelResNet
from mmx_std.encoders.spectrograms.specaugment import SpecAugment
from mmx_std.fusers.pooled import Project
from mmx_std.weights.ast import own_names

EXPERIMENT = yaml.safe_load((Path(__file__).parents[3] / "plugins/mmx_mulan/experiments.yaml").read_text())[
    "experiments"
]["mulan"]
D = 768


def merged(base: Any, change: Any) -> Any:
    """A preset over the default, as the catalogue lays it: parts of another name replace, others change."""
    if (
        not isinstance(base, dict)
        or not isinstance(change, dict)
        or change.get("use", base.get("use")) != base.get("use")
    ):
        return change
    return {key: merged(base.get(key), change[key]) if key in change else base[key] for key in {**base, **change}}


def preset(name: str) -> Any:
    return merged({k: v for k, v in EXPERIMENT.items() if k != "presets"}, EXPERIMENT["presets"][name])


def count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def bert_base() -> int:
    with torch.device("meta"):
        return count(text_part(BertModel(BertConfig())))


def ast_full() -> Ast:
    frontend = KaldiFbank(bands=128, frames=1024)
    with torch.device("meta"):
        return Ast(frontend, pooling="cls")


def test_bert_base_without_its_pooler() -> None:
    assert bert_base() == 109_482_240 - (D * D + D)
    for name in ("paper", "paper-ast"):
        text = preset(name)["encoders"]["text"]
        assert (text["use"], text["model"], text["tokens"]) == ("std/transformers", "bert-base-uncased", 512)
        assert preset(name)["fuser"]["width"] == 128


def test_m_resnet_50() -> None:
    audio = preset("paper")["encoders"]["audio"]
    options = {key: value for key, value in audio.items() if key not in ("use", "frontend")}
    masked = audio["frontend"]
    mel = {key: value for key, value in masked["frontend"].items() if key != "use"}
    assert (mel["rate"], mel["seconds"], mel["bands"], mel["window"], mel["hop"]) == (16000, 10, 64, 25, 10)
    tower = MelResNet(SpecAugment(Mel(**mel), bands=masked["bands"], frames=masked["frames"]), **options)
    assert tower.rhythm is None
    assert count(tower.backbone) == 25_557_032 - (2048 * 1000 + 1000) - 2 * 7 * 7 * 64
    assert tower.out_dim == 2048


def test_m_ast() -> None:
    audio = preset("paper-ast")["encoders"]["audio"]
    assert {key: audio.get(key) for key in ("use", "pooling", "depth", "width")} == {
        **{"use": "std/ast", "pooling": "cls"},
        **{"depth": None, "width": None},  # the defaults, which are AST's own
    }
    tower = ast_full()
    assert tower.grid == (12, 101)
    assert len(tower.blocks) == 12
    assert count(tower) == 86_187_264  # 12 blocks, patches, 1,214 positions, two special tokens, last norm
    assert count(tower) == 12 * (12 * D * D + 13 * D) + 257 * D + (1214 + 2 + 2) * D


def released() -> dict[str, Tensor]:
    """Names and shapes of `audioset_10_10_0.4593.pth`."""
    shapes: dict[str, tuple[int, ...]] = {
        "v.cls_token": (1, 1, D),
        "v.dist_token": (1, 1, D),
        "v.pos_embed": (1, 1214, D),
        "v.patch_embed.proj.weight": (D, 1, 16, 16),
        "v.patch_embed.proj.bias": (D,),
        "v.norm.weight": (D,),
        "v.norm.bias": (D,),
        "v.head.weight": (1000, D),
        "v.head.bias": (1000,),
        "v.head_dist.weight": (1000, D),
        "v.head_dist.bias": (1000,),
        "mlp_head.0.weight": (D,),
        "mlp_head.0.bias": (D,),
        "mlp_head.1.weight": (527, D),
        "mlp_head.1.bias": (527,),
    }
    for block in range(12):
        for part, (out, back) in {
            "norm1": (D, 0),
            "attn.qkv": (3 * D, D),
            "attn.proj": (D, D),
            "norm2": (D, 0),
            "mlp.fc1": (4 * D, D),
            "mlp.fc2": (D, 4 * D),
        }.items():
            shapes[f"v.blocks.{block}.{part}.weight"] = (out, back) if back else (out,)
            shapes[f"v.blocks.{block}.{part}.bias"] = (out,)
    return {f"module.{name}": torch.empty(shape, device="meta") for name, shape in shapes.items()}


def transformers_ast() -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(ASTModel(ASTConfig()).state_dict())


@pytest.mark.parametrize("tensors", [released(), transformers_ast()], ids=["audioset", "transformers"])
def test_checkpoints_fit_name_by_name(tensors: dict[str, Tensor]) -> None:
    wanted = {name: tuple(value.shape) for name, value in ast_full().state_dict().items() if "frontend" not in name}
    found = {name: tuple(value.shape) for name, value in own_names(tensors, specials=2).items()}
    assert found == wanted


def test_projections_go_to_128() -> None:
    fuser = Project({"audio": 2048, "text": 768})
    assert dict(fuser.dims) == {"audio": 128, "text": 128}
    assert sum(parameter.numel() for parameter in fuser.parameters()) == 2049 * 128 + 769 * 128
