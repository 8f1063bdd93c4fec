from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmx.errors import AssetError
from mmx_std.weights.weight_files import load_exactly, read_tensors


class Trap:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("/nonexistent-folder/trap"),))


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_torch_files_and_their_wrappers_are_read(tmp_path: Path, wrapper: str | None) -> None:
    tensors = {"a": torch.randn(3), "b.c": torch.randn(2, 2)}
    torch.save(tensors if wrapper is None else {wrapper: tensors, "epoch": 3}, tmp_path / "x.pth")
    read = read_tensors(tmp_path / "x.pth")
    assert set(read) == set(tensors)
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3.0)}, tmp_path / "x.safetensors")
    assert read_tensors(tmp_path / "x.safetensors")["a"].tolist() == [0, 1, 2]


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"a": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(AssetError, match="not a safetensors file or a plain torch state dict"):
        read_tensors(tmp_path / "trap.pth")
    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"a": Trap()}))
    with pytest.raises(AssetError):
        read_tensors(tmp_path / "trap.pt")


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AssetError, match=name) as caught:
        read_tensors(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_way_to_an_asset(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"no such file.*mmx fetch"):
        read_tensors(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}])
def test_a_file_without_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(AssetError, match="no tensors by name"):
        read_tensors(tmp_path / "x.pth")


def test_every_fault_is_named_and_nothing_is_loaded() -> None:
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    with pytest.raises(AssetError) as caught:
        load_exactly(module, {"weight": torch.zeros(5, 2), "gain": torch.zeros(1)}, "x.pth")
    message = str(caught.value)
    assert "1 missing (bias)" in message
    assert "1 unknown (gain)" in message
    assert "weight (5, 2) instead of (3, 2)" in message
    assert torch.equal(module.weight, before)


def test_weights_that_fit_are_loaded_and_optional_ones_stay() -> None:
    module = nn.BatchNorm1d(2)
    module.running_mean.fill_(7)
    tensors = {name: torch.ones_like(value) for name, value in module.state_dict().items() if name != "running_mean"}
    load_exactly(module, tensors, "x.pth", optional={"running_mean"})
    assert module.weight.tolist() == [1, 1]
    assert module.running_mean.tolist() == [7, 7]
