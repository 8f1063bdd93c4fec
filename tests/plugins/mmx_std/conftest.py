"""Let torchaudio and torchvision import beside a torch build that they were not linked for."""

from __future__ import annotations

import importlib
import sys
import types

import torch


def _torchaudio() -> None:
    stub = types.ModuleType("torchaudio._extension")
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    stub.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
    sys.modules["torchaudio._extension"] = stub


def _torchvision() -> object:
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


try:
    importlib.import_module("mmx.compat")
except ModuleNotFoundError:
    _torchaudio()
    _library = _torchvision()
