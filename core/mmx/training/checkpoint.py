"""Checkpoints: weights as safetensors, the rest as plain containers, never a pickle.

A checkpoint is two files in one folder, so that whoever uses the weights need not carry an optimizer along:

    model.safetensors     the weights; its header holds the checkpoint's id
    state-<id>.pt         what else `fit` needs to go on, with the same id inside

The id is a digest of the weights. The state is written first, under a name of its own; the checkpoint changes when
`model.safetensors` is renamed into place, in one step of the file system. Until then the one before is whole, and
from then on the new one is: a crash, a full disk or a signal between any two steps leaves one of the two.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmx.errors import DataError, TrainingError
from mmx.support import run_files
from mmx.support.files import replacing
from mmx.support.memory import is_lacking
from mmx.support.text import describe

WEIGHTS: Final = run_files.WEIGHTS
_ID: Final = "checkpoint"
"""Key of the id, in the header of the weights and in the state."""
_ELSEWHERE: Final = "elsewhere"
"""Key of the parts, in the header of the weights, whose tensors are not in the file: building the model reads them."""


def save(folder: Path, model: nn.Module, state: Mapping[str, Any]) -> None:
    """Replace the checkpoint in a folder, in one step; the one before stays until the new one is whole and on disk.

    Args:
        folder: The checkpoint folder; made if missing.
        model: Whose parameters and buffers are saved (tied ones once).
        state: Tensors and plain containers only.

    Raises:
        TrainingError: The disk is full or read-only; the checkpoint is what it was.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in distinct(model).items()}
    identity = digest(tensors)
    try:
        _drop_orphans(folder)  # what a crash left may be what fills the disk
        with replacing(_state_path(folder, identity), suffix="") as temporary, temporary.open("wb") as file:
            torch.save({**state, _ID: identity}, file)
        with replacing(folder / WEIGHTS, suffix="") as temporary:
            save_file(tensors, str(temporary), metadata={_ID: identity})
    except (OSError, RuntimeError, SafetensorError) as error:
        kept = "; the one before is whole" if complete(folder) else ""
        raise TrainingError(f"cannot save the checkpoint in {folder}: {_why(error, folder, tensors)}{kept}") from error
    _drop_orphans(folder)


def write_weights(path: Path, tensors: Mapping[str, Tensor], elsewhere: Sequence[str] = ()) -> None:
    """Write a file of weights without state.

    Args:
        path: The file.
        tensors: What it holds.
        elsewhere: Parts of the model (`encoders.NAME`) whose tensors are not in it.
    """
    save_file(dict(tensors), str(path), metadata={_ID: digest(tensors), _ELSEWHERE: json.dumps([*elsewhere])})


def _why(error: Exception, folder: Path, tensors: Mapping[str, Tensor]) -> str:
    """Return why a checkpoint could not be written: torch's writer of archives does not pass on that a disk is full."""
    if isinstance(error, OSError) or shutil.disk_usage(folder).free > 2 * sum(x.nbytes for x in tensors.values()):
        return str(error)
    return os.strerror(errno.ENOSPC)


def complete(folder: Path) -> bool:
    """Return whether there is a checkpoint in a folder that a run can go on from, without reading all of it."""
    try:
        identity = identity_of(folder / WEIGHTS)
    except DataError:
        return False
    return identity is not None and _state_path(folder, identity).is_file()


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the id of a checkpoint with these weights: names, types, shapes and every byte count."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:32]


def identity_of(path: Path) -> str | None:
    """Return the id in the header of a file of weights, or None where it has none.

    Raises:
        DataError: There is no such file, or it is damaged.
    """
    if not path.is_file():
        raise DataError(f"no weights at {path}; is this the folder of a finished or interrupted run?")
    try:
        with safe_open(str(path), framework="pt") as file:
            identity = (file.metadata() or {}).get(_ID)
    except (SafetensorError, OSError) as error:
        raise DataError(f"the weights at {path} are damaged: {error}") from error
    return identity if identity and re.fullmatch(r"[0-9a-f]{32}", identity) else None


def folder_of(run: Path) -> Path:
    """Return the folder that holds a run's weights: its checkpoint, or the folder itself where it was exported."""
    own = run / run_files.CHECKPOINT
    return run if not own.exists() and (run / WEIGHTS).is_file() else own


def load_weights(folder: Path, model: nn.Module) -> None:
    """Load the weights of a checkpoint folder into a model of the same architecture.

    Raises:
        DataError: There are none, they are damaged, or they belong to another architecture.
    """
    path = folder / WEIGHTS
    identity = identity_of(path)
    try:
        tensors = load_file(str(path))
        with safe_open(str(path), framework="pt") as file:
            elsewhere = tuple(f"{part}." for part in json.loads((file.metadata() or {}).get(_ELSEWHERE, "[]")))
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise DataError(f"the weights at {path} are damaged: {error}") from error
    if identity is not None and digest(tensors) != identity:
        raise DataError(f"the weights at {path} are damaged: their bytes are not those that were saved")
    try:
        missing, unexpected = model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        told = " ".join(line.strip() for line in str(error).splitlines()[:2])  # torch names the tensor on the second
        raise DataError(f"the weights at {path} do not fit this model: {told}") from error
    # A tied tensor is there under its first name; what is elsewhere was read when the model was built.
    lacking = [name for name in missing if name in distinct(model) and not name.startswith(elsewhere)]
    if lacking or unexpected:
        faults = [f"missing {', '.join(lacking[:3])}"] if lacking else []
        faults += [f"unexpected {', '.join(unexpected[:3])}"] if unexpected else []
        raise DataError(f"the weights at {path} do not fit this model: {'; '.join(faults)}")


def distinct(model: nn.Module) -> dict[str, Tensor]:
    """Return a model's parameters and buffers, tied ones once, each with memory of its own as safetensors wants it."""
    found: dict[str, Tensor] = {}
    places: set[tuple[Any, ...]] = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
        if tensor.numel() and place in places:
            continue
        places.add(place)
        whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
        found[name] = tensor if whole else tensor.clone(memory_format=torch.contiguous_format)
    return found


def load_state(folder: Path) -> dict[str, Any]:
    """Return the state that belongs to the weights in a checkpoint folder.

    Raises:
        DataError: There is none, it is damaged, or it belongs to other weights.
    """
    if not (folder / WEIGHTS).is_file():
        raise DataError(f"no checkpoint to resume from at {folder}")
    identity = identity_of(folder / WEIGHTS)
    path = folder / "state-.pt" if identity is None else _state_path(folder, identity)
    if identity is None or not path.is_file():
        raise DataError(
            f"the checkpoint at {folder} cannot be resumed: its weights and its state do not belong together, or an "
            "older version of mmx wrote them; the weights can be used still: mmx eval, mmx predict"
        )
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        belongs = state.get(_ID) == identity
    except Exception as error:  # torch raises half a dozen kinds for a damaged archive
        raise DataError(f"the checkpoint at {path} is damaged: {str(error).splitlines()[0]}") from error
    if not belongs:
        raise DataError(f"the checkpoint at {path} is damaged: it is the state of other weights")
    return state


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Turn whatever a state raises that was not saved by this experiment into one line.

    Raises:
        DataError: It does not fit.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if is_lacking(error):
            raise
        told = f"the state in {folder} does not fit this experiment ({describe(error)})"
        raise DataError(f"{told}; was {run_files.CONFIG} edited?") from error


def stage_of(state: Mapping[str, Any], stages: int) -> int:
    """Return the stage at which a state goes on; the number behind the last one means that all are done.

    Raises:
        ValueError: There is no such stage, or step.
    """
    stage, step = state["stage"], state["step"]
    if not (type(stage) is type(step) is int and 0 <= stage <= stages and step >= 0):
        raise ValueError(f"stage {stage!r} of {stages}, step {step!r}")
    return int(stage)


def random_state() -> dict[str, Any]:
    """Return the state of the global generators, in plain containers."""
    version, internal, gauss = random.getstate()
    generator: dict[str, Any] = dict(np.random.get_state(legacy=False))
    inner = generator.pop("state")
    return {
        "python": [version, list(internal), gauss],
        "numpy": generator | {"state": {"key": inner["key"].tolist(), "pos": inner["pos"]}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random(state: Mapping[str, Any]) -> None:
    """Put the global generators back where `random_state` found them."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    key = np.array(state["numpy"]["state"]["key"], dtype=np.uint32)
    np.random.set_state({**state["numpy"], "state": {**state["numpy"]["state"], "key": key}})
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


def _state_path(folder: Path, identity: str) -> Path:
    return folder / f"state-{identity}.pt"


def _drop_orphans(folder: Path) -> None:
    """Remove states that belong to other weights than those that are in place; a failure costs disk space only."""
    with suppress(OSError, DataError):
        identity = identity_of(folder / WEIGHTS)
        for path in folder.glob("state-*.pt"):
            if identity is not None and path != _state_path(folder, identity):
                path.unlink()
