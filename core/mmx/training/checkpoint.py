"""What a run needs to go on or to be used: weights as safetensors, the rest as plain containers, never a pickle."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmx.errors import DataError, TrainingError
from mmx.support.files import replacing

WEIGHTS = "model.safetensors"
STATE = "state.pt"


def save(folder: Path, model: nn.Module, state: Mapping[str, Any]) -> None:
    """Write weights and state; a reader (or a crash) never meets half a file.

    Args:
        folder: The checkpoint folder; made if missing.
        model: Whose parameters and buffers are saved (tied ones once).
        state: Tensors and plain containers only.

    Raises:
        TrainingError: The disk is full or read-only.
    """
    try:
        with replacing(folder / WEIGHTS) as temporary:
            save_file(distinct(model), str(temporary))
        with replacing(folder / STATE) as temporary:
            torch.save(dict(state), temporary)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"cannot save the checkpoint in {folder}: {error}") from error


def load_weights(folder: Path, model: nn.Module) -> None:
    """Load the weights of a checkpoint folder into a model of the same architecture.

    Raises:
        DataError: There are none, they are damaged, or they belong to another architecture.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise DataError(f"no weights at {path}; is this the folder of a finished or interrupted run?")
    try:
        tensors = load_file(str(path))
        missing, unexpected = model.load_state_dict(tensors, strict=False)
    except (SafetensorError, OSError) as error:
        raise DataError(f"the weights at {path} are damaged: {error}") from error
    except RuntimeError as error:
        told = " ".join(line.strip() for line in str(error).splitlines()[:2])  # torch names the tensor on the second
        raise DataError(f"the weights at {path} do not fit this model: {told}") from error
    lacking = [name for name in missing if name in distinct(model)]  # a tied tensor is there under its first name
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
    """Return the state of a checkpoint folder.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / STATE
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"no checkpoint to resume from at {path}") from error
    except Exception as error:  # torch raises half a dozen kinds for a damaged archive
        raise DataError(f"the checkpoint at {path} is damaged: {str(error).splitlines()[0]}") from error
    return state


def random_state() -> dict[str, Any]:
    """Return the state of the global generators, in plain containers."""
    version, internal, gauss = random.getstate()
    return {
        "python": [version, list(internal), gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random(state: Mapping[str, Any]) -> None:
    """Put the global generators back where `random_state` found them."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
