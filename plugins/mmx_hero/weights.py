"""Loading of released weights and of those of a run: correspondence of tensor names (section 9).

Public files are plain torch state dicts: pre-trained models (`hero-tv-ht100.pt`), fine-tuned ones (`tvr_default`,
`tvqa_default.pt`, ...), and `pretrain-tv-init.bin`, a RoBERTa with 12 layers of which every second is taken.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from mmx import AssetError
from mmx_std import bert_layout, weight_files

_F, _C, _V = "v_encoder.f_encoder.", "v_encoder.c_encoder.", "v_encoder."

MODULES: Final[Mapping[str, str]] = {
    # the fuser
    "text.words": f"{_F}embeddings.word_embeddings",
    "text.positions": f"{_F}embeddings.position_embeddings",
    "text.types": f"{_F}embeddings.token_type_embeddings",
    "text.norm": f"{_F}embeddings.LayerNorm",
    "image.masks": f"{_F}img_embeddings.mask_embedding",
    "image.entry": f"{_F}img_embeddings.img_LayerNorm",
    "image.project": f"{_F}img_embeddings.img_linear",
    "image.positions": f"{_F}img_embeddings.position_embeddings",
    "image.norm": f"{_F}img_embeddings.LayerNorm",
    "masks": f"{_V}mask_embedding",
    "residual.norm": f"{_V}frame_transform.LayerNorm",
    "residual.linear": f"{_V}frame_transform.net.1",
    "places.positions": f"{_C}embeddings.position_embeddings",
    "places.norm": f"{_C}embeddings.LayerNorm",
    "query.project.norm": "q_feat_attn.query_input_proj.LayerNorm",
    "query.project.linear": "q_feat_attn.query_input_proj.net.1",
    "query.places.positions": "q_feat_attn.query_pos_embed.position_embeddings",
    "query.places.norm": "q_feat_attn.query_pos_embed.LayerNorm",
    "query.attention.output": "q_feat_attn.query_self_attention.output.dense",
    "query.attention.norm": "q_feat_attn.query_self_attention.output.LayerNorm",
    "query.pool.score": "q_feat_attn.modular_vector_mapping",
    # the heads, by the name that their class passes to `load`
    "words.dense": f"{_F}lm_head.dense",
    "words.norm": f"{_F}lm_head.LayerNorm",
    "words.decoder.places.positions": "position_embeddings",
    "words.decoder.places.norm": "emb_LayerNorm",
    "features.net.first": f"{_V}feat_regress.net.0",
    "features.net.norm": f"{_V}feat_regress.net.2",
    "features.net.second": f"{_V}feat_regress.net.3",
    "order.net.first": f"{_V}fom_output.linear_1",
    "order.net.norm": f"{_V}fom_output.LayerNorm",
    "order.net.second": f"{_V}fom_output.linear_2",
    "localiser.project": "video_query_linear",
    "localiser.starts": "video_st_predictor",
    "localiser.ends": "video_ed_predictor",
    "answer.pool.score": "qa_pool",
    "answer.judge.first": "qa_pred_head.linear_1",
    "answer.judge.norm": "qa_pred_head.LayerNorm",
    "answer.judge.second": "qa_pred_head.linear_2",
    "answer.span_pool.score": "st_ed_pool",
    "answer.span.first": "st_ed_pred_head.linear_1",
    "answer.span.norm": "st_ed_pred_head.LayerNorm",
    "answer.span.second": "st_ed_pred_head.linear_2",
    "statement.pool.score": "violin_pool",
    "statement.judge.first": "violin_pred_head.linear_1",
    "statement.judge.norm": "violin_pred_head.LayerNorm",
    "statement.judge.second": "violin_pred_head.linear_2",
}
"""Module of ours -> module of the release; with a leading head's name for heads."""
_DECODER: Final = {
    "itself.output": "add_norm_1.dense",
    "itself.norm": "add_norm_1.LayerNorm",
    "frames.output": "add_norm_2.dense",
    "frames.norm": "add_norm_2.LayerNorm",
    "feedforward.wide": "intermidiate.dense",  # spelled like this in the release
    "feedforward.output": "add_norm_3.dense",
    "feedforward.norm": "add_norm_3.LayerNorm",
}
_PLACES: Final = (
    ("cross.layers", f"{_F}encoder.layer", bert_layout.LAYER, {"attention": "attention.self"}),
    ("temporal.layers", f"{_C}encoder.layer", bert_layout.LAYER, {"attention": "attention.self"}),
    (
        "words.decoder.layers",
        "decoder.layer",
        _DECODER,
        {"itself": "self_attention", "frames": "dec_enc_attention"},
    ),
)
_UNUSED: Final = re.compile(r"(.*\.)?(pooler\.dense\.(weight|bias)|pad|tri_mask)|.*lm_head\.decoder\.weight")
"""Tensors of the release that are not used: poolers, padding, a mask, and the word table under its second name."""
SHOWN: Final = 6


class Loaded(NamedTuple):
    """Tensors that a file lacks, and tensors of it that no part of HERO takes."""

    missing: Sequence[str]
    unexpected: Sequence[str]


def sources(name: str) -> Sequence[str]:
    """Return the released tensors that our tensor is made of: one, or query, key and value."""
    module, _, kind = name.rpartition(".")
    if name == "words.bias":
        return [f"{_F}lm_head.bias"]
    if module == "query.attention.inputs":
        return _three("q_feat_attn.query_self_attention.self", kind)
    for ours, theirs, parts, attentions in _PLACES:
        if match := re.fullmatch(rf"{re.escape(ours)}\.(\d+)\.(.+)", module):
            number, part = match.groups()
            stem = f"{theirs}.{number}."
            if part.endswith(".inputs"):
                return _three(stem + attentions[part.removesuffix(".inputs")], kind)
            return [f"{stem}{parts[part]}.{kind}"] if part in parts else []
    return [f"{MODULES[module]}.{kind}"] if module in MODULES else []


def load(part: nn.Module, path: str, name: str = "") -> Loaded:
    """Load the tensors of one part of HERO; missing ones keep their values, with a warning.

    Args:
        part: The fuser, or a head.
        path: A released state dict, or `model.safetensors` of a run.
        name: "" for the fuser; a head's name in the release's terms, e.g. "words".

    Raises:
        AssetError: The file cannot be read, has no tensor of this part, or a tensor of another shape.
    """
    tensors = _read(path)
    own = dict(part.state_dict())
    if any(key.startswith("fuser.") for key in tensors):
        prefix = f"heads.{name}." if name else "fuser."
        found = {key: tensors[prefix + key] for key in own if prefix + key in tensors}
        unexpected: Sequence[str] = [key for key in tensors if key.startswith(prefix) and key[len(prefix) :] not in own]
    else:
        tensors = canonical(tensors, _depth(own))
        found = dict(_made(own, tensors, f"{name}." if name else ""))
        unexpected = sorted(key for key in tensors if not _UNUSED.fullmatch(key) and not _known(key))
    missing = sorted(set(own) - set(found))
    if not found:
        raise AssetError(f"weights {path}: no tensor of {name or 'the fuser'} in it; is it a HERO checkpoint?")
    wrong = [
        f"{key} {tuple(found[key].shape)} instead of {tuple(own[key].shape)}"
        for key in found
        if found[key].shape != own[key].shape
    ]
    if wrong:
        raise AssetError(f"weights {path} do not fit: {_listed(wrong)}; preset paper has the released sizes")
    part.load_state_dict(found, strict=False)
    if missing or unexpected:
        lines = [f"not in it, left unchanged: {_listed(missing)}"] if missing else []
        lines += [f"in it, but not used: {_listed(unexpected)}"] if unexpected else []
        warnings.warn(f"weights {path}: {'; '.join(lines)}", stacklevel=2)
    return Loaded(missing, unexpected)


def canonical(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Return tensors under the names of a released model.

    Args:
        tensors: Of the file: with `module.` before them, old names of normalisation, or a RoBERTa.
        layers: Layers of the cross-modal transformer; a RoBERTa with twice as many gives every second of its own.
    """
    found: dict[str, Tensor] = {}
    stems = [key.removeprefix("module.") for key in tensors]
    roberta = any(stem.startswith("roberta.") for stem in stems)
    deepest = max((int(m[1]) for s in stems if (m := re.search(r"roberta\.encoder\.layer\.(\d+)\.", s))), default=-1)
    for stem, tensor in zip(stems, tensors.values(), strict=True):
        name = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", stem))
        if roberta:
            match = re.match(r"roberta\.encoder\.layer\.(\d+)\.", name)
            if match and layers and deepest + 1 == 2 * layers:
                number = int(match[1])
                if number % 2 == 0:
                    continue
                name = name.replace(f".layer.{number}.", f".layer.{number // 2}.", 1)
            name = _F + name.removeprefix("roberta.")
            name = name.replace("lm_head.layer_norm.", "lm_head.LayerNorm.")
        found[name] = tensor
    return found


def _made(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in own.items():
        wanted = sources(prefix + name)
        if wanted and all(key in tensors for key in wanted):
            made = torch.cat([tensors[key] for key in wanted]) if len(wanted) > 1 else tensors[wanted[0]]
            yield name, _fitted(prefix + name, made, len(tensor) if tensor.ndim else 0)


def _fitted(name: str, tensor: Tensor, rows: int) -> Tensor:
    """Bring a vocabulary to a multiple of eight with rows of zeros, and one type of token to two, as the release does.

    50,265 tokens are in the vocabulary, 50,272 rows in the tables.
    """
    missing = rows - len(tensor) if tensor.ndim else 0
    if name in ("text.words.weight", "words.bias") and 0 < missing < 8:
        return torch.cat([tensor, tensor.new_zeros(missing, *tensor.shape[1:])])
    if name == "text.types.weight" and missing == 1 == len(tensor):
        return torch.cat([tensor, tensor])
    return tensor


def _three(stem: str, kind: str) -> list[str]:
    return [f"{stem}.{each}.{kind}" for each in ("query", "key", "value")]


def _depth(own: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[2] for name in own if name.startswith("cross.layers.")})


def _known(key: str) -> bool:
    """Return whether some part of HERO takes a released tensor."""
    module = key.rpartition(".")[0]
    layers: Callable[[str], bool] = lambda stem: module.startswith(f"{stem}.")  # noqa: E731
    return (
        module in MODULES.values()
        or key == f"{_F}lm_head.bias"
        or any(layers(theirs) for _, theirs, _, _ in _PLACES)
        or layers("q_feat_attn.query_self_attention.self")
    )


def _read(path: str) -> Mapping[str, Tensor]:
    file = Path(path).expanduser()
    return _read_once(str(file), file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=1)
def _read_once(path: str, changed: int) -> Mapping[str, Tensor]:
    """Read a file once for all parts that load from it."""
    return weight_files.read_tensors(path)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
