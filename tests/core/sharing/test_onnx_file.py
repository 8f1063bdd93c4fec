"""ONNX: the same numbers as torch, for any batch; a part that cannot be written is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import mmx
from mmx import LoadedRun, PortError
from mmx.sharing import onnx_file
from mmx.types import Features


def test_it_needs_an_extra(trained: LoadedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(mmx.UserError, match=r"pip install 'mmx\[export\]'"):
        onnx_file.write(trained.built, tmp_path / "model.onnx")


def test_it_computes_what_torch_computes(trained: LoadedRun, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    ports = onnx_file.write(trained.built, file)
    assert ports["inputs"].keys() == {"inputs.image"} and ports["outputs"].keys() == {"heads.label"}
    assert str(Path(mmx.__file__).parent).encode() not in file.read_bytes()
    samples = [trained.corpus("test")[index] for index in range(5)]
    batch = trained.model.prepare(samples)
    with torch.inference_mode():
        wanted = trained.model(batch, ["heads.label"]).heads["label"].numpy()
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(["heads.label"], {"inputs.image": batch.inputs["image"].numpy()})
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_part_that_cannot_be_written_is_named(
    trained: LoadedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder: Any = trained.model.encoders["image"]
    original = encoder.forward

    def depends_on_data(x: torch.Tensor, mask: torch.Tensor | None = None) -> Features:
        features: Features = original(x, mask)
        return features if bool(features.pooled_BD.sum() > 0) else replace(features, pooled_BD=-features.pooled_BD)

    monkeypatch.setattr(encoder, "forward", depends_on_data)
    with pytest.raises(PortError, match=r"encoders\.image: cannot be written as ONNX"):
        onnx_file.write(trained.built, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
