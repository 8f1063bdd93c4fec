"""The audio towers: the paper's sizes, windows of any rate, and masking that only training sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor
from transformers import ASTConfig, ASTModel, BertConfig, BertModel

from mmx.errors import ConfigError, PortError, UnknownNameError
from mmx.types import Audio
from mmx_mulan.model import MelResNet, Periodicity, SpecAugment
from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import KaldiFbank, Mel
from mmx_std.encoders.pretrained import text_part
from mmx_std.encoders.text_bag import TextBag
from mmx_std.fusers.pooled import Project
from mmx_std.weights.ast import own_names

SMALL = {"layers": [1, 1, 1, 1], "channels": [4, 8, 8, 16], "stem": 4}


def noise(seconds: float, rate: int = 16_000, seed: int = 0) -> Audio:
    rng = np.random.default_rng(seed)
    return Audio(rng.normal(0, 0.1, (1, round(seconds * rate))).astype(np.float32), rate)


def test_the_papers_resnet() -> None:
    tower = MelResNet(Mel(16_000, 10.0, bands=64, window=25, hop=10)).eval()
    parameters = sum(parameter.numel() for parameter in tower.backbone.parameters())
    # ResNet-50 of one channel without classifier: 25,557,032 - 2,049,000 (classifier) - 2 * 7 * 7 * 64 (two channels)
    assert parameters == 25_557_032 - (2048 * 1000 + 1000) - 2 * 7 * 7 * 64
    assert tower.out_dim == 2048
    with torch.no_grad():
        features = tower(tower.prepare(noise(10.0))[None])
    assert features.pooled_BD.shape == (1, 2048)
    assert features.tokens_BTD is not None
    assert features.tokens_BTD.shape == (1, 32, 2048)  # 1,001 frames / 32
    assert torch.allclose(features.tokens_BTD.mean(1), features.pooled_BD, atol=1e-5)


def test_the_papers_ast_has_1212_tokens_and_pools_at_cls() -> None:
    tower = Ast(SpecAugment(KaldiFbank(bands=128, frames=1024), bands=48, frames=192), depth=1, pooling="cls")
    assert tower.grid[0] * tower.grid[1] == 1212
    assert tower.out_dim == 768
    block = sum(parameter.numel() for parameter in tower.blocks[0].parameters())
    assert block == 4 * 768 + (768 * 2304 + 2304) + (768 * 768 + 768) + (768 * 3072 + 3072) + (3072 * 768 + 768)
    tower.eval()
    with torch.no_grad():
        features = tower(tower.prepare(noise(10.0))[None])
    assert features.tokens_BTD is not None
    assert features.tokens_BTD.shape == (1, 1212, 768)


def test_projections_go_to_128() -> None:
    fuser = Project({"audio": 2048, "text": 768})
    assert dict(fuser.dims) == {"audio": 128, "text": 128}
    assert sum(parameter.numel() for parameter in fuser.parameters()) == 2049 * 128 + 769 * 128


def test_windows_of_any_rate_and_number_of_channels() -> None:
    tower = MelResNet(Mel(8000, 2.0, bands=32, hop=32, window=32), **SMALL).eval()
    stereo = Audio(np.repeat(noise(3.0, 44_100).samples_CT, 2, 0), 44_100)
    x = torch.stack([tower.prepare(noise(2.0)), tower.prepare(noise(0.5, 8000)), tower.prepare(stereo)])
    with torch.no_grad():
        features = tower(x)
    assert features.pooled_BD.shape == (3, tower.out_dim) == (3, 64)
    assert torch.isfinite(features.pooled_BD).all()


def test_strides_of_the_small_stem_are_over_time_and_bands() -> None:
    frontend = Mel(8000, 2.0, bands=32, hop=16, window=32)  # 126 frames
    for strides, frames in (((2, 2), 4), ((1, 4), 8), ((4, 1), 2)):
        tower = MelResNet(frontend, **SMALL, strides=strides).eval()
        with torch.no_grad():
            tokens_BTD = tower(tower.prepare(noise(2.0))[None]).tokens_BTD
        assert tokens_BTD is not None
        assert tokens_BTD.shape == (1, frames, 64)


def test_periods_are_pooled_beside_the_mean() -> None:
    frontend = Mel(8000, 2.0, bands=32, hop=16, window=32)
    torch.manual_seed(0)
    plain = MelResNet(frontend, **SMALL).eval()
    torch.manual_seed(0)
    tower = MelResNet(frontend, **SMALL, periods=(3, 60)).eval()
    assert (plain.out_dim, tower.out_dim) == (64, 64 + 128)
    x = tower.prepare(noise(2.0))[None]
    with torch.no_grad():
        assert torch.equal(tower(x).pooled_BD[:, :64], plain(x).pooled_BD)
    with pytest.raises(ConfigError, match="periods"):
        MelResNet(frontend, **SMALL, periods=(60, 60))


def test_weights_are_loaded_under_timms_names(tmp_path: Path) -> None:
    frontend = Mel(8000, 1.0, bands=32, hop=32, window=32)
    one, other = MelResNet(frontend, **SMALL), MelResNet(frontend, **SMALL)
    assert not torch.equal(one.backbone.conv1[0].weight, other.backbone.conv1[0].weight)
    path = tmp_path / "resnet.safetensors"
    save_file({name: value.contiguous() for name, value in one.backbone.state_dict().items()}, path)
    loaded = MelResNet(frontend, weights=str(path), **SMALL)
    assert torch.equal(one.backbone.conv1[0].weight, loaded.backbone.conv1[0].weight)


def test_wrong_parts_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        MelResNet(Mel(), model="resnet5O")
    with pytest.raises(PortError, match="audio"):
        MelResNet(TextBag(None))
    with pytest.raises(PortError, match="audio"):
        SpecAugment(TextBag(None))


def test_specaugment_hides_in_training_only_and_no_more_than_asked() -> None:
    masked = SpecAugment(Mel(8000, 2.0, bands=32, hop=20, window=32), bands=8, frames=30)
    x = torch.stack([masked.prepare(noise(2.0, 8000, seed)) for seed in range(16)])
    plain_BTF = masked.frontend(x).tokens_BTD
    masked.eval()
    assert torch.equal(masked(x).tokens_BTD, plain_BTF)
    masked.train()
    torch.manual_seed(0)
    hidden_BTF = masked(x).tokens_BTD
    mean_B11 = plain_BTF.mean((1, 2))[:, None, None]
    is_mean_BTF = (hidden_BTF - mean_B11).abs() < 1e-5
    assert torch.allclose(hidden_BTF[~is_mean_BTF], plain_BTF[~is_mean_BTF], atol=1e-4)
    bands_BF, frames_BT = is_mean_BTF.all(1), is_mean_BTF.all(2)
    assert 0 < bands_BF.sum(1).max() < 8  # drawn below the limit
    assert 0 < frames_BT.sum(1).max() < 30
    assert len(set(bands_BF.sum(1).tolist())) > 2  # every item has its own
    union_BTF = bands_BF[:, None, :] | frames_BT[:, :, None]
    assert torch.equal(union_BTF, is_mean_BTF)
    torch.manual_seed(0)
    assert torch.equal(masked(x).tokens_BTD, hidden_BTF)


def test_specaugment_of_nothing_changes_nothing() -> None:
    masked = SpecAugment(Mel(8000, 1.0, bands=32, hop=20, window=32), bands=0, frames=0).train()
    x = masked.prepare(noise(1.0, 8000))[None]
    assert torch.allclose(masked(x).tokens_BTD, masked.frontend(x).tokens_BTD, atol=1e-5)


# The presets `paper` and `paper-ast`: the paper's sizes, and public checkpoints that fit; nothing is computed.

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


FRAMES, BANDS = 240, 16


def clicks(period: float, *, offset: int = 2, bands: slice = slice(None), loud: float = 4.0) -> Tensor:
    """Log frames that jump up at every period and fall back: (1, T, F)."""
    frames_BTF = torch.zeros(1, FRAMES, BANDS)
    for at in np.arange(offset, FRAMES, period):
        frames_BTF[0, round(float(at)), bands] = loud
    return frames_BTF


def rhythm(**options: int) -> Periodicity:
    torch.manual_seed(0)
    return Periodicity(BANDS, 3, 80, **{"lags": 64, "groups": 4, "width": 8, **options}).eval()


def test_the_table_is_the_autocorrelation_of_onsets() -> None:
    module = rhythm()
    torch.manual_seed(1)
    frames_BTF = torch.randn(2, 60, BANDS)
    table_BGL = module.table(frames_BTF)
    onset_T = np.maximum(np.diff(frames_BTF[1].numpy(), axis=0), 0)[:, 4:8].mean(1)  # second group of four bands
    onset_T = onset_T - onset_T.mean()
    for place, lag in enumerate(module.lags_L.tolist()):
        low = int(lag)
        at = [sum(onset_T[t] * onset_T[t + k] for t in range(len(onset_T) - k)) for k in (low, low + 1)]
        expected = (at[0] * (1 - (lag - low)) + at[1] * (lag - low)) / (onset_T**2).sum()
        assert float(table_BGL[1, 1, place]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("period", [8, 20, 31])
def test_a_period_is_a_peak_at_its_lag(period: int) -> None:
    module = rhythm()
    similar_L = module.table(clicks(period))[0, -1]
    nearest = int((module.lags_L - period).abs().argmin())
    near_L = (module.lags_L - period).abs() < 2
    assert similar_L[nearest] > 0.5
    assert (
        similar_L[near_L].max() > 3 * similar_L[(module.lags_L > period * 1.15) & (module.lags_L < period * 1.85)].max()
    )


def test_loudness_and_place_in_time_do_not_matter() -> None:
    module = rhythm()
    loud, soft, late = clicks(16), clicks(16, loud=0.5), clicks(16, offset=9)
    assert torch.allclose(module.table(loud), module.table(soft), atol=1e-3)
    assert torch.allclose(module.table(loud), module.table(late), atol=0.1)


def test_groups_hear_their_own_bands() -> None:
    table_BGL = rhythm().table(clicks(16, bands=slice(0, 4)))
    assert table_BGL[0, 0].max() > 0.5
    assert not table_BGL[0, 1:-1].any()


def test_a_slower_performance_is_the_same_table_moved_along_the_lags() -> None:
    module = rhythm(lags=96)
    step = float(torch.log(module.lags_L[1] / module.lags_L[0]))

    def waltz(beat: float) -> Tensor:
        """Two sizes of beat: every third is in the low bands."""
        high = clicks(beat, bands=slice(4, 16))
        low = clicks(3 * beat, bands=slice(0, 4))
        return high + low

    def alike(one_L: Tensor, other_L: Tensor) -> float:
        return float(torch.nn.functional.cosine_similarity(one_L - one_L.mean(), other_L - other_L.mean(), dim=0))

    fast_L, slow_L = (module.table(waltz(beat))[0, 0] for beat in (8, 12))  # bars of 24 and 36 frames
    moved = round(float(torch.log(torch.tensor(12 / 8))) / step)
    same, unmoved = alike(fast_L[: 96 - moved], slow_L[moved:]), alike(fast_L, slow_L)
    assert same > max(0.5, unmoved + 0.2)


def test_it_learns_and_is_finite_for_silence_and_for_short_sounds() -> None:
    module = rhythm()
    for frames_BTF in (torch.zeros(2, FRAMES, BANDS), torch.randn(2, 12, BANDS)):
        out_BD = module(frames_BTF)
        assert out_BD.shape == (2, module.out_dim)
        assert torch.isfinite(out_BD).all()
    frames_BTF = torch.randn(4, FRAMES, BANDS, requires_grad=True)
    module.train()
    module(frames_BTF).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters() if parameter.grad is not None)
    with pytest.raises(ValueError, match="lags"):
        Periodicity(BANDS, 9, 9)
