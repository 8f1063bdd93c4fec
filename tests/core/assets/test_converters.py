"""Files of weights become flat arrays; a file that is a program is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mmx.assets.converters import npy_arrays, state_dict
from mmx.errors import AssetError


def test_npy_arrays_joins_nested_names(tmp_path: Path) -> None:
    value = {"conv1": {"w": np.ones((2, 3), "f4"), "name": "text is left out"}, "b": np.zeros(1)}
    np.save(tmp_path / "a.npy", np.array(value, dtype=object), allow_pickle=True)
    arrays = npy_arrays(tmp_path / "a.npy")
    assert {name: array.shape for name, array in arrays.items()} == {"conv1.w": (2, 3), "b": (1,)}


def test_npy_arrays_of_a_single_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert list(npy_arrays(tmp_path / "a.npy")) == ["value"]


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
