"""Cache of the features of encoders that do not learn, computed once and kept on disk.

The key covers everything that could change them: the encoder's configuration, weights and code, the versions of the
libraries that it computes with, and the corpus's digest and split.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mmx.support.files import replacing
from mmx.support.text import one_line
from mmx.types import Batch, Features, Sample

MAX_BYTES = 2 * 1024**3
"""Features larger than this are not kept: they are computed at every step instead."""
LIBRARIES: Final = ("mmx", "numpy", "timm", "torch", "torchaudio", "torchvision", "transformers")
"""Distributions whose version stands for their code."""
_FORM: Final = 2
"""Form of the files; another one makes other keys."""
_CHECKSUM: Final = "crc32"
"""Key of the checksum, in the header of a file."""
SHARED: Final = "mmx_std"
"""The package that every plugin may build on."""


@dataclass(frozen=True)
class Stored:
    """Features of a whole split, by index."""

    tensors: Mapping[str, Tensor]

    def rows(self, indices: Sequence[int]) -> Features:
        """Return the features of some samples, stacked."""
        rows = torch.as_tensor(indices)
        picked = {name: tensor[rows] for name, tensor in self.tensors.items()}
        return Features(picked["pooled_BD"], picked.get("tokens_BTD"), picked.get("mask_BT"))


def digest(config: Any, encoder: nn.Module, corpus_digest: str, split: str) -> str:
    """Return the cache key of an encoder's features on a split: configuration, code, weights and data in one hash."""
    facts = [_FORM, config, corpus_digest, split]
    hasher = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    packages = {type(module).__module__.partition(".")[0] for module in encoder.modules()}
    for package in sorted(packages.difference(LIBRARIES) | {SHARED}):
        hasher.update(_sources(package))
    hasher.update(_versions())
    for part in weights_of(encoder):
        hasher.update(part)
    return hasher.hexdigest()


@cache
def _sources(package: str) -> bytes:
    """Return a hash of all Python files of a package: an encoder may compute with any module beside its own."""
    hasher = hashlib.sha256(package.encode())
    try:
        spec = util.find_spec(package)
    except ValueError:  # a module without a spec, such as __main__
        spec = None
    if spec is None:
        return hasher.digest()
    roots = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = [(path.relative_to(root).as_posix(), path) for root in roots for path in root.rglob("*.py")]
    if not roots and spec.origin is not None and Path(spec.origin).is_file():
        files = [(package, Path(spec.origin))]
    for name, path in sorted(files):
        hasher.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return hasher.digest()


@cache
def _versions() -> bytes:
    """Return the versions of the libraries that are installed, as text."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return json.dumps(found).encode()


def weights_of(module: nn.Module) -> Iterator[bytes]:
    """Yield names, kinds, shapes and numbers of a module's state, for a hash: another byte is another model."""
    for name, tensor in sorted(module.state_dict().items()):
        yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
        yield tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def features(
    key: str,
    folder: Path | None,
    encode: Callable[[Batch], Features],
    prepare: Callable[[Sequence[Sample]], Batch],
    samples: Sequence[Sample],
    track: Callable[[Iterable[int]], Iterable[int]],
    batch_size: int = 32,
    warn: Callable[[str], None] = lambda line: None,
) -> Stored | None:
    """Return the features of all samples, from disk or computed now (and then kept).

    Args:
        key: From `digest`.
        folder: Where features are kept; None computes them without keeping.
        encode: A batch to features, without gradient.
        prepare: Samples to a batch for this encoder.
        samples: The split, in order.
        track: Shows progress over the batches' first indices.
        batch_size: Samples per call of `encode`.
        warn: Told of a file that is damaged.

    Returns:
        The features, or None where they would be larger than `MAX_BYTES` or differ in length over batches.
    """
    path = None if folder is None else folder / f"{key}.safetensors"
    if path is not None and path.is_file():
        try:
            return _read(path, len(samples))
        except (SafetensorError, OSError, ValueError) as error:
            warn(f"{path}: damaged, computed again: {one_line(str(error))}")
    whole: dict[str, Tensor] = {}
    for first in track(range(0, len(samples), batch_size)):
        chosen = [samples[index] for index in range(first, min(first + batch_size, len(samples)))]
        with torch.no_grad():
            found = {name: tensor.cpu() for name, tensor in _tensors(encode(prepare(chosen))).items()}
        if first == 0:
            if _size(found) / len(chosen) * len(samples) > MAX_BYTES:
                return None
            # One table from the start: a list of parts would hold on to the heap between what each batch needs.
            whole = {name: tensor.new_empty((len(samples), *tensor.shape[1:])) for name, tensor in found.items()}
        if {n: t.shape[1:] for n, t in found.items()} != {n: t.shape[1:] for n, t in whole.items()}:
            return None
        for name, tensor in found.items():
            whole[name][first : first + len(chosen)] = tensor
    if path is not None:
        _keep(whole, path)
    return Stored(whole)


def _read(path: Path, rows: int) -> Stored:
    """Return the features in a file.

    Raises:
        ValueError: They are not those of so many samples.
        SafetensorError: It is damaged.
    """
    with safe_open(str(path), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        said = (file.metadata() or {}).get(_CHECKSUM)
    if "pooled_BD" not in tensors or any(tensor.shape[:1] != (rows,) for tensor in tensors.values()):
        raise ValueError(f"not the features of {rows} samples")
    if said != _checksum(tensors):
        raise ValueError("its bytes are not those that were saved")
    return Stored(tensors)


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return a number that changes with any damage to names, kinds, shapes or bytes."""
    found = 0
    for name, tensor in sorted(tensors.items()):
        found = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode(), found)
        found = zlib.crc32(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def _tensors(found: Features) -> dict[str, Tensor]:
    named = {"pooled_BD": found.pooled_BD, "tokens_BTD": found.tokens_BTD, "mask_BT": found.mask_BT}
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _keep(tensors: dict[str, Tensor], path: Path) -> None:
    """Write so that a reader never sees half a file; a disk that cannot take it costs the cache, not the run."""
    with suppress(OSError), replacing(path) as temporary:
        save_file(tensors, str(temporary), metadata={_CHECKSUM: _checksum(tensors)})
