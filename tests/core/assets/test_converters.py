"""Files of weights become named tensors; a file that is a program is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from mmx.assets.converters import state_dict
from mmx.errors import AssetError


def test_nested_names_are_joined_and_other_values_left_out(tmp_path: Path) -> None:
    torch.save({"model": {"conv1": {"w": torch.ones(2, 3)}, "name": "text"}, "b": torch.zeros(1)}, tmp_path / "a.pth")
    shapes = {name: tuple(tensor.shape) for name, tensor in state_dict(tmp_path / "a.pth").items()}
    assert shapes == {"model.conv1.w": (2, 3), "b": (1,)}


def test_a_single_tensor_has_a_name_too(tmp_path: Path) -> None:
    torch.save(torch.arange(3), tmp_path / "a.pth")
    assert list(state_dict(tmp_path / "a.pth")) == ["value"]


def test_state_dict(tmp_path: Path) -> None:
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 3}, tmp_path / "a.pth")
    tensors = state_dict(tmp_path / "a.pth")
    assert list(tensors) == ["model.w"]
    assert tensors["model.w"].tolist() == [1, 1]


class Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_exploit_in_a_pth_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    witness = tmp_path / "witness"
    torch.save({"w": Exploit(witness)}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(AssetError, match=r"refused: a.pth is not a plain file of weights"):
        state_dict(tmp_path / "a.pth")
    assert not witness.exists()


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps({"a": 1})[:-2]])
def test_damaged_pth(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(AssetError, match="not a plain file of weights"):
        state_dict(tmp_path / "a.pth")
