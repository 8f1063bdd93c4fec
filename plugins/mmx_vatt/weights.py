"""The public checkpoints of VATT under our names and in our shapes.

They are TensorFlow object checkpoints. On a machine with TensorFlow, once:

    reader = tf.train.load_checkpoint("ckpt-500000")
    numpy.savez("vatt.npz", **{name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})

Then here `python -m mmx_vatt.weights vatt.npz vatt.safetensors` converts them and prints every key that it does not
know; `weights: vatt.safetensors` of the encoders and the fuser loads them (with `version: code`).

Dense kernels are [in, out] and are transposed; patch kernels are [time, row, column, colour, out] and are flattened in
the order of our patches; query, key and value become one matrix. T5's attention has no scale and no biases: its queries
are multiplied by the root of the width of a head, its biases are zero. The aggregation token of words, which stands
before their projection, is projected here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmx import AssetError
from mmx_std import positions, weight_files

_SUFFIX: Final = "/.ATTRIBUTES/VARIABLE_VALUE"
_SHORT: Final = {"vid": "video", "aud": "audio", "txt": "text"}
_RENAMES: Final = (
    (r"(^|/)transformer/", r"\1tx/"),
    (r"/multi_head_attention/", "/mha/"),
    (r"/self_attention/attention/", "/mha/"),
    (r"/self_attention/layer_norm/", "/layer_norm/"),
    (r"/dense_(gelu|relu)_dense/", "/mlp/"),
    (r"/layer_(\d+)/", r"/layers/\1/"),
    (r"/(spatio_)?temporal_embeddings/", "/pos_embedding_lookup/"),
    (r"/pos_embedding_lookup/layer_norm/", "/pos_embedding_lookup/layernorm/"),
    (r"/waveform_to_patch/", "/wave_to_patch/"),
    (r"/pre_tx_projection/", "/pre_proj/"),
    (r"/post_tx_projection/", "/post_proj/"),
    (r"/(agg_embedding|agg_token_embd)$", "/agg"),
    (r"/base_lm/", "/tx/"),
)
"""Names of layers and names of attributes are the same to us."""
_SPECIFIC: Final = re.compile(r"(?:.*/)?(vid|aud|txt)_backbone/(?:_base/)?(.+)")
_UNIFIED: Final = re.compile(r"(?:.*/)?unified_(?:backbone/)?(?:unified_)?(?:transformer|tx)/(.+)")
_PART: Final = re.compile(
    r"(raw_to_embeddings|pre_proj|post_proj|pos_embedding_lookup|agg_token)/(video|audio|text)(/.+)?"
)
_HEAD: Final = re.compile(r"(?:.*/)?(vid_to_hid|hid_to_va|aud_to_va|aud_to_vid|va_to_vat|txt_to_vat|txt_to_vid)/(.+)")
_IGNORED: Final = re.compile(
    r"OPTIMIZER_SLOT|(^|/)(optimizer|save_counter|_CHECKPOINTABLE_OBJECT_GRAPH)|mask_token_embd$"
)

_DENSE: Final = {"kernel": "weight", "bias": "bias"}
_NORM: Final = {
    "gamma": "weight",
    "beta": "bias",
    "weight": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_AXES: Final = {"temporal": 0, "vertical": 1, "horizontal": 2}
_HEADS: Final = {
    "vid_to_hid/": "video_va.linears.0.",
    "hid_to_va/pre_bn/": "video_va.norms.0.",
    "hid_to_va/dense/": "video_va.linears.1.",
    "hid_to_va/bn/": "video_va.norms.1.",
    "aud_to_va/": "audio_va.linears.0.",
    "aud_to_vid/": "audio_va.linears.0.",
    "va_to_vat/dense/": "g.linears.0.",
    "va_to_vat/bn/": "g.norms.0.",
    "txt_to_vat/": "text_vt.linears.0.",
    "txt_to_vid/": "text_vt.linears.0.",
}


def convert(arrays: Mapping[str, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """Return tensors by our names (`encoders.video...`, `fuser...`) and the keys that are not known.

    Args:
        arrays: Key of the checkpoint -> array.
    """
    found: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key in sorted(arrays):
        if _IGNORED.search(key.removesuffix(_SUFFIX)):
            continue
        named = _named(renamed(key), torch.as_tensor(np.asarray(arrays[key]), dtype=torch.float32))
        if named is None:
            unknown.append(key)
        else:
            found[named[0]] = named[1]
    return _finished(found), unknown


def renamed(key: str) -> str:
    """Return a key with its suffix gone and its layers called as attributes are."""
    name = key.removesuffix(_SUFFIX)
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _named(name: str, value: Tensor) -> tuple[str, Tensor] | None:
    """Return our name and layout; None for what is not known."""
    unified = _UNIFIED.fullmatch(name)
    if unified and (found := _unified(unified[1], value)):
        return found
    specific = _SPECIFIC.fullmatch(name)
    if specific and (found := _specific(_SHORT[specific[1]], specific[2], value)):
        return found
    head = _HEAD.fullmatch(name)
    return _head(f"{head[1]}/{head[2]}", value) if head else None


def _unified(rest: str, value: Tensor) -> tuple[str, Tensor] | None:
    short = re.fullmatch(r"(vid|aud|txt)_agg_embedding", rest)
    if short:
        return f"fuser.starts.{_SHORT[short[1]]}", value
    part = _PART.fullmatch(rest)
    if part is None:
        return _transformer("shared", rest.removeprefix("tx/"), value)
    modality, tail = part[2], (part[3] or "").removeprefix("/")
    name = {"raw_to_embeddings": "patch", "agg_token": "agg"}.get(part[1], part[1])
    return _specific(modality, f"{name}/{tail}".removesuffix("/"), value)


def _specific(modality: str, rest: str, value: Tensor) -> tuple[str, Tensor] | None:
    """Return what belongs to one modality: its tokeniser, positions, transformer or last projection."""
    head, _, tail = rest.partition("/")
    encoder = f"encoders.{modality}"
    if rest == "agg":
        return f"fuser.starts.{modality}", value
    if head in ("voxel_to_patch", "wave_to_patch", "patch", "embedding"):
        if tail in ("embeddings", "embeddings/embeddings"):
            return f"{encoder}.table", value
        return _dense(f"{encoder}.embed.linear.", tail, value.flatten(0, -2) if tail == "kernel" else value)
    if head == "pre_proj":
        return _dense(f"{encoder}.project." if modality == "text" else f"{encoder}.embed.dense.", tail, value)
    if head == "post_proj":
        return _dense(f"fuser.spaces.post.{modality}.", tail, value)
    if head == "pos_embedding_lookup":
        return _position(f"{encoder}.positions" if modality == "text" else f"{encoder}.embed.positions", tail, value)
    return _transformer(modality, rest.removeprefix("tx/"), value) if head == "tx" else None


def _position(place: str, tail: str, value: Tensor) -> tuple[str, Tensor] | None:
    axis = re.fullmatch(r"(temporal|vertical|horizontal)_position_embeddings/embeddings", tail)
    if axis:
        return f"{place}.tables.{_AXES[axis[1]]}", value
    norm = re.fullmatch(r"layernorm/(gamma|beta)", tail)
    return (f"{place}.norm.{_NORM[norm[1]]}", value) if norm else None


def _transformer(home: str, rest: str, value: Tensor) -> tuple[str, Tensor] | None:
    place = f"fuser.backbones.{home}."
    last = re.fullmatch(r"final_layer_norm/(\w+)", rest)
    if last:
        return (f"{place}norm.{_NORM[last[1]]}", value) if last[1] in _NORM else None
    layer = re.fullmatch(r"layers/(\d+)/(.+)", rest)
    if layer is None:
        return None
    block, tail = f"{place}blocks.{layer[1]}.", layer[2]
    if tail == "mha/relative_attention_bias/embeddings":
        return f"fuser.biases.{home}.table.weight", value
    for pattern, target in (
        (r"mha/([qkv])/(kernel|bias)", r"attention.\1."),
        (r"mha/(o)/(kernel|bias)", "out."),
        (r"feed_forward/mlp/(wi)/(kernel|bias)", "up."),
        (r"feed_forward/mlp/(wo)/(kernel|bias)", "down."),
    ):
        match = re.fullmatch(pattern, tail)
        if match:
            return _dense(block + match.expand(target), match[2], _joined(value, match[1], match[2]))
    norm = re.fullmatch(r"(feed_forward/)?layer_norm/(\w+)", tail)
    if norm and norm[2] in _NORM:
        return f"{block}{'norm2' if norm[1] else 'norm1'}.{_NORM[norm[2]]}", value
    return None


def _joined(value: Tensor, part: str, kind: str) -> Tensor:
    """Return a kernel [in, out] or a bias [out] in which heads may have been an axis of their own."""
    if kind == "bias":
        return value.flatten()
    return value.flatten(0, -2) if part == "o" else value.flatten(1)


def _dense(place: str, tail: str, value: Tensor) -> tuple[str, Tensor] | None:
    if tail not in _DENSE:
        return None
    return place + _DENSE[tail], value.T.contiguous() if tail == "kernel" else value


def _head(rest: str, value: Tensor) -> tuple[str, Tensor] | None:
    for theirs, ours in _HEADS.items():
        if rest.startswith(theirs):
            tail, place = rest.removeprefix(theirs), f"fuser.spaces.heads.{ours}"
            if tail in _DENSE:
                return _dense(place, tail, value)
            return (place + _NORM[tail], value) if tail in _NORM else None
    return None


def _finished(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with query, key and value joined, missing biases zero, and the words' token projected."""
    blocks = {name.rpartition("attention.")[0] for name in found if ".attention." in name}
    for block in blocks:
        t5 = f"{block}attention.q.bias" not in found
        parts = {part: found.pop(f"{block}attention.{part}.weight") for part in "qkv"}
        width = parts["q"].shape[0]
        if t5:
            table = found.get(f"fuser.biases.{block.split('.')[2]}.table.weight")
            heads = table.shape[1] if table is not None else max(1, width // 64)
            parts["q"] = parts["q"] * (width / heads) ** 0.5
            zeros = {"out": width, "up": found[f"{block}up.weight"].shape[0], "down": width}
            found |= {f"{block}{name}.bias": torch.zeros(size) for name, size in zeros.items()}
        biases = [found.pop(f"{block}attention.{part}.bias", torch.zeros(width)) for part in "qkv"]
        found[f"{block}qkv.weight"] = torch.cat(list(parts.values()))
        found[f"{block}qkv.bias"] = torch.cat(biases)
    start, project = found.get("fuser.starts.text"), found.get("encoders.text.project.weight")
    if project is not None:
        found.setdefault("encoders.text.project.bias", torch.zeros(len(project)))
        if start is not None and len(start) == project.shape[1]:  # the specific model: before the projection
            found["fuser.starts.text"] = F.gelu(project @ start)
    post = found.get("fuser.spaces.post.text.weight")
    if post is not None:
        found.setdefault("fuser.spaces.post.text.bias", torch.zeros(len(post)))
    return found


def load(part: nn.Module, weights: str, place: str) -> None:
    """Load a part's own tensors from a converted checkpoint; position tables are stretched where sizes differ.

    Args:
        part: An encoder or the fuser.
        weights: What `convert` gave, as safetensors.
        place: `encoders.video`, ..., or `fuser`.

    Raises:
        AssetError: Nothing in the file belongs to the part, something of it is missing, or a shape differs.
    """
    tensors = {
        name.removeprefix(f"{place}."): value
        for name, value in weight_files.read_tensors(weights).items()
        if name.startswith(f"{place}.")
    }
    own = part.state_dict()
    for name, value in tensors.items():
        if re.search(r"(^|\.)tables\.\d+$", name) and name in own:
            tensors[name] = positions.resized(value, len(own[name]))
    kept = {name for name in own if name.startswith("tokenizer.") or name.endswith("num_batches_tracked")}
    try:
        weight_files.load_exactly(part, tensors, weights, optional=kept)
    except AssetError as error:
        raise AssetError(
            f"{place}: {error}; the public checkpoints need version: code (and positions: absolute for the words of "
            "the agnostic model)"
        ) from error


def report(tensors: Mapping[str, Tensor], unknown: Sequence[str]) -> Iterator[str]:
    """Yield what was found, part by part, and every key that is not known."""
    parts: dict[str, int] = {}
    for name, value in tensors.items():
        part = ".".join(name.split(".")[: 3 if name.startswith("fuser.backbones") else 2])
        parts[part] = parts.get(part, 0) + value.numel()
    for part, count in sorted(parts.items()):
        yield f"{part}: {count:,} numbers"
    yield f"{len(unknown)} keys are not known{':' if unknown else ''}"
    for key in unknown:
        yield f"  {key}"


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Convert `FROM.npz` to `TO.safetensors` and report what was found."""
    from safetensors.torch import save_file

    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 2 or not given[0].endswith(".npz") or not given[1].endswith(".safetensors"):
        say("usage: python -m mmx_vatt.weights FROM.npz TO.safetensors")
        return 2
    try:
        with np.load(Path(given[0]), allow_pickle=False) as arrays:
            tensors, unknown = convert(arrays)
    except (OSError, ValueError) as error:
        say(f"error: {given[0]}: {error}")
        return 2
    for line in report(tensors, unknown):
        say(line)
    save_file({name: value.contiguous() for name, value in tensors.items()}, given[1])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
