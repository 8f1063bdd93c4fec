"""Ports by name: qualification, look-up, and the values behind them.

A port is `encoded.NAME`, `fused.NAME` or `heads.NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmx import Features, Outputs, PortError, did_you_mean

__all__ = ["class_names", "pick", "qualify", "read", "short", "tokens", "tokens_of", "width"]


def qualify(name: str, kind: str) -> str:
    """Return the full port of `name`: `label` of kind `heads` is `heads.label`; a name with a dot is one already."""
    return name if "." in name else f"{kind}.{name}"


def short(port: str) -> str:
    """Return the name inside a port: `fused.audio` is `audio`."""
    return port.split(".")[1] if "." in port else port


def read(outputs: Outputs, port: str) -> Tensor:
    """Return what the model computed for `port`: a head's prediction (B, ...) or pooled features (B, D).

    Raises:
        PortError: The model has no such output.
    """
    tables: dict[str, Mapping[str, Any]] = {
        "encoded": outputs.encoded, "fused": outputs.fused, "heads": outputs.heads
    }  # fmt: skip
    there = [f"{kind}.{name}" for kind, table in tables.items() for name in table]
    if port not in there:
        raise PortError(f"the model has no output {port!r}{did_you_mean(port, there)}; it has {_listed(there)}")
    kind, _, name = port.partition(".")
    value = tables[kind][name]  # the one alone: a fuser may compute each when it is first read
    if isinstance(value, Features):
        return value.pooled_BD
    if not isinstance(value, Tensor):
        raise PortError(f"{port} is a {type(value).__name__}, not one tensor")
    return value


def tokens(outputs: Outputs, port: str) -> Tensor:
    """Return the features of every token at `port` (B, T, D).

    Raises:
        PortError: The model has no such output, or it has no tokens.
    """
    read(outputs, port)
    table = outputs.encoded if port.startswith("encoded.") else outputs.fused
    found = table[short(port)].tokens_BTD if short(port) in table else None
    if found is None:
        raise PortError(f"{port} has one vector for each sample, and none for each token")
    return found


def pick(features: Mapping[str, Features], port: str) -> Features:
    """Return the features that a head reads: by full port, or by the name inside it.

    Raises:
        PortError: They are not there.
    """
    for key in (port, short(port)):
        if key in features:
            return features[key]
    raise PortError(
        f"a head reads {port!r}, which the fuser does not give{did_you_mean(short(port), features)}; "
        f"it gives {_listed(features)}"
    )


def tokens_of(features: Mapping[str, Features], port: str) -> Tensor:
    """Return the features of every token (B, T, D) that a head reads.

    Raises:
        PortError: They are not there, or have no tokens.
    """
    found = pick(features, port).tokens_BTD
    if found is None:
        raise PortError(f"{port} has one vector for each sample, and none for each token")
    return found


def width(dims: Mapping[str, int], port: str) -> int:
    """Return the width D of the features at `port`.

    Raises:
        PortError: No such features.
    """
    for key in (port, short(port)):
        if key in dims:
            return dims[key]
    raise PortError(f"no features {port!r}{did_you_mean(short(port), dims)}; there are {_listed(dims)}")


def class_names(classes: Mapping[str, Sequence[str] | None], target: str) -> Sequence[str]:
    """Return the class names of a target.

    Raises:
        PortError: The corpus has no such target, or its truth is not a class.
    """
    if target not in classes:
        raise PortError(
            f"the corpus has no target {target!r}{did_you_mean(target, classes)}; it has {_listed(classes)}"
        )
    names = classes[target]
    if names is None:
        raise PortError(f"target {target!r} of the corpus has no classes")
    return names


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "none"
