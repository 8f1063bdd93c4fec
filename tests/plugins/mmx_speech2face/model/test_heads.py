from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mmx.errors import AssetError
from mmx.types import Batch, Features
from mmx_speech2face.model.heads import FaceClasses

BATCH = Batch(["a", "b"])


def test_classes_answer_for_what_is_there() -> None:
    head = FaceClasses({"face": 4, "voice": 4}, identities=7)
    features = Features(torch.randn(2, 4))
    assert {name: tuple(value.shape) for name, value in head({"face": features}, BATCH).items()} == {"face": (2, 7)}
    assert set(head({"face": features, "voice": features}, BATCH)) == {"face", "voice"}


def test_a_relu_stands_between_fc7_and_fc8_where_it_is_asked_for() -> None:
    x = torch.randn(3, 4)
    for relu in (True, False):
        head = FaceClasses({"face": 4}, identities=5, reads=["face"], relu=relu)
        expected = (x.relu() if relu else x) @ head.fc8.weight.T + head.fc8.bias
        torch.testing.assert_close(head.judge(x), expected)


def test_fc8_comes_from_a_file(tmp_path: Path) -> None:
    weight, bias = torch.randn(5, 4), torch.randn(5)
    save_file({"conv1_1.weight": torch.zeros(1), "fc8.weight": weight, "fc8.bias": bias}, tmp_path / "w.safetensors")
    head = FaceClasses({"face": 4}, identities=5, reads=["face"], weights=str(tmp_path / "w.safetensors"))
    torch.testing.assert_close(head.fc8.weight, weight)
    save_file({"conv1_1.weight": torch.zeros(1)}, tmp_path / "without.safetensors")
    with pytest.raises(AssetError, match="no fc8"):
        FaceClasses({"face": 4}, identities=5, reads=["face"], weights=str(tmp_path / "without.safetensors"))
    with pytest.raises(AssetError, match="another shape"):
        FaceClasses({"face": 4}, identities=6, reads=["face"], weights=str(tmp_path / "w.safetensors"))
