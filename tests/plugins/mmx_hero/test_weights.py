"""Files with the released names and shapes: made here from the published sizes, small, and loaded tensor by tensor."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.errors import AssetError
from mmx_hero.model.answers import Answer
from mmx_hero.model.heads import Order, Regression
from mmx_hero.model.hierarchical import Hierarchical
from mmx_hero.model.localiser import Localiser
from mmx_hero.model.words import Words
from mmx_hero.weights import canonical, load, sources

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def attention(name: str, w: int) -> Shapes:
    found: Shapes = {}
    for part in ("query", "key", "value"):
        found |= linear(f"{name}.self.{part}", w, w)
    return found | linear(f"{name}.output.dense", w, w) | norm(f"{name}.output.LayerNorm", w)


def layer(name: str, w: int, h: int) -> Shapes:
    found = attention(f"{name}.attention", w) | linear(f"{name}.intermediate.dense", w, h)
    return found | linear(f"{name}.output.dense", h, w) | norm(f"{name}.output.LayerNorm", w)


def released(w: int = 768, h: int = 3072, v: int = 4352, words: int = 50272, layers: int = 6, over: int = 3) -> Shapes:
    """Names and shapes of `hero-tv-ht100.pt` as a function of the sizes; the defaults are the published ones."""
    f, c = "v_encoder.f_encoder", "v_encoder.c_encoder"
    found: Shapes = {
        f"{f}.embeddings.word_embeddings.weight": (words, w),
        f"{f}.embeddings.position_embeddings.weight": (514, w),
        f"{f}.embeddings.token_type_embeddings.weight": (2, w),
        f"{f}.img_embeddings.position_embeddings.weight": (100, w),
        f"{f}.img_embeddings.mask_embedding.weight": (2, v),
        f"{f}.lm_head.decoder.weight": (words, w),
        f"{f}.lm_head.bias": (words,),
        f"{f}.pad": (8, w),
        "v_encoder.mask_embedding.weight": (2, v),
        "v_encoder.pad": (8, w),
        f"{c}.embeddings.position_embeddings.weight": (514, w),
        "q_feat_attn.query_pos_embed.position_embeddings.weight": (514, w),
        "q_feat_attn.modular_vector_mapping.weight": (1, w),
        "video_st_predictor.weight": (1, 1, 5),
        "video_ed_predictor.weight": (1, 1, 5),
    }
    found |= norm(f"{f}.embeddings.LayerNorm", w) | norm(f"{f}.img_embeddings.LayerNorm", w)
    found |= norm(f"{f}.img_embeddings.img_LayerNorm", v) | linear(f"{f}.img_embeddings.img_linear", v, w)
    found |= linear(f"{f}.pooler.dense", w, w) | linear(f"{c}.pooler.dense", w, w)
    found |= linear(f"{f}.lm_head.dense", w, w) | norm(f"{f}.lm_head.LayerNorm", w)
    found |= norm("v_encoder.frame_transform.LayerNorm", v) | linear("v_encoder.frame_transform.net.1", v, w)
    found |= norm(f"{c}.embeddings.LayerNorm", w)
    found |= linear("v_encoder.feat_regress.net.0", w, w) | norm("v_encoder.feat_regress.net.2", w)
    found |= linear("v_encoder.feat_regress.net.3", w, v)
    found |= linear("v_encoder.fom_output.linear_1", w, 2 * w) | norm("v_encoder.fom_output.LayerNorm", 2 * w)
    found |= linear("v_encoder.fom_output.linear_2", 2 * w, 100)
    found |= norm("q_feat_attn.query_input_proj.LayerNorm", w) | linear("q_feat_attn.query_input_proj.net.1", w, w)
    found |= norm("q_feat_attn.query_pos_embed.LayerNorm", w) | attention("q_feat_attn.query_self_attention", w)
    found |= linear("video_query_linear", w, w)
    for number in range(layers):
        found |= layer(f"{f}.encoder.layer.{number}", w, h)
    for number in range(over):
        found |= layer(f"{c}.encoder.layer.{number}", w, h)
    return found


SMALL: dict[str, int] = {"w": 12, "h": 20, "v": 9, "words": 16, "layers": 2, "over": 1}


def parts(**options: Any) -> dict[str, Any]:
    """Our parts of the small sizes."""
    dims = {"frames": 9, "subtitles": 8, "queries": 8}
    fuser = Hierarchical(
        dims,
        width=12,
        layers=2,
        temporal_layers=1,
        heads=2,
        hidden=20,
        vocabulary=16,
        built={},
        positions=514,
        frame_positions=100,
    )
    ports = {"fused.clips": 12, "fused.query": 12, "fused.words": 12, "encoded.frames": 9}
    return {
        "": fuser,
        "words": Words(ports, built={}, vocabulary=16),
        "features": Regression(ports),
        "order": Order(ports),
        "localiser": Localiser(ports),
    }


def filled(shapes: Shapes) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    f = "v_encoder.f_encoder"
    if f"{f}.lm_head.decoder.weight" in tensors:
        tensors[f"{f}.lm_head.decoder.weight"] = tensors[f"{f}.embeddings.word_embeddings.weight"]
    return tensors


def saved(path: Path, tensors: Mapping[str, Tensor]) -> str:
    torch.save(dict(tensors), path)
    return str(path)


def test_every_released_tensor_has_its_place_at_the_published_sizes() -> None:
    """Without memory: ours are all made of released ones, and those are all used, or known as of no use."""
    with torch.device("meta"):
        dims = {"frames": 4352, "subtitles": 63, "queries": 63}
        fuser = Hierarchical(dims, built={}, vocabulary=50272)
        ports = {"fused.clips": 768, "fused.query": 768, "fused.words": 768, "encoded.frames": 4352}
        heads = {
            "words": Words(ports, built={}, vocabulary=50272),
            "features": Regression(ports),
            "order": Order(ports),
            "localiser": Localiser(ports),
        }
    shapes, used = released(), set()
    for name, part in {"": fuser, **heads}.items():
        for key, tensor in part.state_dict().items():
            theirs = sources(f"{name}.{key}" if name else key)
            assert theirs, key
            rows = sum(shapes[each][0] for each in theirs)
            assert (rows, *shapes[theirs[0]][1:]) == tuple(tensor.shape), key
            used |= set(theirs)
    unused = set(shapes) - used
    assert all(name.endswith((".pad", "decoder.weight")) or "pooler" in name for name in unused), unused


def test_a_released_file_fills_every_part(tmp_path: Path) -> None:
    tensors = filled(released(**SMALL))
    path = saved(tmp_path / "hero-tv-ht100.pt", {f"module.{name}": tensor for name, tensor in tensors.items()})
    made = parts()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {name: load(part, path, name) for name, part in made.items()}
    assert all(not each.missing and not each.unexpected for each in found.values())
    fuser = made[""]
    q, k, v = (
        tensors[f"v_encoder.f_encoder.encoder.layer.1.attention.self.{each}.weight"]
        for each in ("query", "key", "value")
    )
    assert torch.equal(fuser.cross.layers[1].attention.inputs.weight, torch.cat([q, k, v]))
    assert torch.equal(fuser.masks.weight, tensors["v_encoder.mask_embedding.weight"])
    assert torch.equal(fuser.image.masks.weight, tensors["v_encoder.f_encoder.img_embeddings.mask_embedding.weight"])
    assert torch.equal(made["order"].net.second.weight, tensors["v_encoder.fom_output.linear_2.weight"])
    assert torch.equal(made["localiser"].ends.weight, tensors["video_ed_predictor.weight"])


def test_what_is_missing_and_what_is_left_over_is_listed(tmp_path: Path) -> None:
    tensors = filled(released(**SMALL))
    for name in [name for name in tensors if name.startswith(("q_feat_attn", "video_"))]:
        del tensors[name]
    tensors["something.else"] = torch.zeros(3)
    path = saved(tmp_path / "partial.pt", tensors)
    made = parts()
    with pytest.warns(UserWarning, match=r"not in it, left unchanged: query\..* in it, but not used: something\.else"):
        found = load(made[""], path)
    assert all(name.startswith("query.") for name in found.missing)
    assert len(found.missing) == len([n for n in made[""].state_dict() if n.startswith("query.")])
    with pytest.raises(AssetError, match="no tensor of localiser in it"):
        load(made["localiser"], path, "localiser")


def test_a_file_of_other_sizes_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "large.pt", filled(released(**{**SMALL, "w": 24})))
    before = parts()[""]
    kept = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    with pytest.raises(AssetError, match=r"do not fit: .* instead of .*; preset paper has the released sizes"):
        load(before, path)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in before.state_dict().items())
    with pytest.raises(AssetError, match="no such file"):
        load(before, str(tmp_path / "none.pt"))


def test_the_vocabulary_is_filled_up_and_the_single_type_doubled(tmp_path: Path) -> None:
    tensors = filled(released(**{**SMALL, "words": 11}))
    tensors["v_encoder.f_encoder.embeddings.token_type_embeddings.weight"] = torch.randn(1, 12)
    path = saved(tmp_path / "short.pt", tensors)
    made = parts()
    load(made[""], path)
    load(made["words"], path, "words")
    assert torch.equal(
        made[""].text.words.weight[:11], tensors["v_encoder.f_encoder.embeddings.word_embeddings.weight"]
    )
    assert not made[""].text.words.weight[11:].any()
    assert torch.equal(made[""].text.types.weight[0], made[""].text.types.weight[1])
    assert not made["words"].bias[11:].any()


def test_a_roberta_gives_every_second_layer(tmp_path: Path) -> None:
    shapes: Shapes = {
        "roberta.embeddings.word_embeddings.weight": (16, 12),
        "roberta.embeddings.position_embeddings.weight": (514, 12),
        "roberta.embeddings.token_type_embeddings.weight": (1, 12),
        **norm("roberta.embeddings.LayerNorm", 12),
        **linear("lm_head.dense", 12, 12),
        **norm("lm_head.layer_norm", 12),
        "lm_head.bias": (16,),
    }
    for number in range(4):
        shapes |= layer(f"roberta.encoder.layer.{number}", 12, 20)
    tensors = filled(shapes)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
        for name, t in tensors.items()
    }
    path = saved(tmp_path / "pretrain-tv-init.bin", old)
    made = parts()
    with pytest.warns(UserWarning, match="left unchanged"):
        found = load(made[""], path)
    assert found.unexpected == []
    assert not [name for name in found.missing if name.startswith(("text.", "cross."))]
    for ours, theirs in ((0, 1), (1, 3)):
        wide = tensors[f"roberta.encoder.layer.{theirs}.intermediate.dense.weight"]
        assert torch.equal(made[""].cross.layers[ours].feedforward.wide.weight, wide)
    assert torch.equal(made[""].text.norm.weight, tensors["roberta.embeddings.LayerNorm.weight"])
    load(made["words"], path, "words")
    assert torch.equal(made["words"].norm.weight, tensors["lm_head.layer_norm.weight"])
    assert canonical({"roberta.encoder.layer.2.x": torch.zeros(1)}, 5), "not twice as many: all are kept"


def test_fine_tuned_heads_have_names_too(tmp_path: Path) -> None:
    w = 12
    shapes: Shapes = {"qa_pool.weight": (1, w), "st_ed_pool.weight": (1, w), "violin_pool.weight": (1, w)}
    for name, outputs in (("qa_pred_head", 1), ("st_ed_pred_head", 2), ("violin_pred_head", 1)):
        shapes |= (
            linear(f"{name}.linear_1", w, 2 * w)
            | norm(f"{name}.LayerNorm", 2 * w)
            | linear(f"{name}.linear_2", 2 * w, outputs)
        )
    tensors = filled({**released(**SMALL), **shapes})
    path = saved(tmp_path / "tvqa_default.pt", tensors)
    ports = {"fused.answers": w}
    choice = Answer(ports, weights=path)
    assert torch.equal(choice.span.second.weight, tensors["st_ed_pred_head.linear_2.weight"])
    assert torch.equal(choice.pool.score.weight, tensors["qa_pool.weight"])
    statement = Answer(ports, kind="statement", candidates=1, weights=path)
    assert torch.equal(statement.judge.first.bias, tensors["violin_pred_head.linear_1.bias"])


def test_the_decoder_of_captions_has_names_too(tmp_path: Path) -> None:
    w = 12
    shapes: Shapes = {"position_embeddings.weight": (30, w), **norm("emb_LayerNorm", w), "decoder.tri_mask": (4, 4)}
    for number in range(2):
        stem = f"decoder.layer.{number}"
        for name in ("self_attention", "dec_enc_attention"):
            for part in ("query", "key", "value"):
                shapes |= linear(f"{stem}.{name}.{part}", w, w)
        shapes |= linear(f"{stem}.intermidiate.dense", w, 4 * w) | linear(f"{stem}.add_norm_3.dense", 4 * w, w)
        for name in ("add_norm_1", "add_norm_2"):
            shapes |= linear(f"{stem}.{name}.dense", w, w)
        for name in ("add_norm_1", "add_norm_2", "add_norm_3"):
            shapes |= norm(f"{stem}.{name}.LayerNorm", w)
    tensors = filled({**released(**SMALL), **shapes})
    path = saved(tmp_path / "tvc_default.pt", tensors)
    ports = {"fused.words": w, "fused.clips": w, "encoded.captions": 9}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = Words(ports, built={}, vocabulary=16, captions="captions", heads=2, positions=30, weights=path)
    assert torch.equal(head.decoder.layers[1].frames.output.weight, tensors["decoder.layer.1.add_norm_2.dense.weight"])
    wide = tensors["decoder.layer.0.intermidiate.dense.weight"]
    assert torch.equal(head.decoder.layers[0].feedforward.wide.weight, wide)


def test_a_run_starts_from_another_run(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    one, other = parts(), parts()
    tensors = {f"fuser.{key}": t.clone() for key, t in one[""].state_dict().items()}
    tensors |= {f"heads.order.{key}": t.clone() for key, t in one["order"].state_dict().items()}
    path = str(tmp_path / "model.safetensors")
    save_file(tensors, path)
    assert load(other[""], path) == ([], [])
    assert load(other["order"], path, "order") == ([], [])
    assert torch.equal(other[""].places.norm.weight, one[""].places.norm.weight)
    assert all(torch.equal(a, b) for a, b in zip(other["order"].parameters(), one["order"].parameters(), strict=True))


def test_loaded_features_come_out_of_the_entry_at_unit_scale(tmp_path: Path) -> None:
    tensors = filled(released(**{**SMALL, "v": 400}))
    entry = "v_encoder.f_encoder.img_embeddings.img_LayerNorm"
    tensors[f"{entry}.weight"], tensors[f"{entry}.bias"] = torch.ones(400), torch.zeros(400)
    path = saved(tmp_path / "hero.pt", tensors)
    dims = {"frames": 400, "subtitles": 8, "queries": 8}
    fuser = Hierarchical(
        dims, built={}, width=12, layers=2, temporal_layers=1, heads=2, hidden=20, vocabulary=16, weights=path
    )
    x = torch.randn(2, 3, 400) * 37 + 5
    assert abs(fuser.image.entry(x).std().item() - 1) < 0.01
