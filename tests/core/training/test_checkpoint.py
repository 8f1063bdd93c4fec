"""Checkpoints: round trip, atomicity, and refusal of what is not one."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest
import torch
from torch import nn

from mmx.errors import DataError, TrainingError
from mmx.training import checkpoint


def test_weights_and_state_come_back(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(tmp_path / "c", model, {"step": 4, "moments": torch.arange(3.0)})
    other = nn.Linear(3, 2)
    checkpoint.load_weights(tmp_path / "c", other)
    torch.testing.assert_close(other.weight, model.weight)
    assert checkpoint.load_state(tmp_path / "c")["step"] == 4
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["model.safetensors", "state.pt"]


def test_tied_weights_are_saved_once_and_stay_tied(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    checkpoint.save(tmp_path, model, {})
    other = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    other[1].weight = other[0].weight
    checkpoint.load_weights(tmp_path, other)
    torch.testing.assert_close(other[1].weight, model[0].weight)


def test_a_buffer_that_is_a_view_of_a_larger_one_is_saved(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("window", torch.arange(10.0)[2:8:2])
    checkpoint.save(tmp_path, model, {})
    other = nn.Linear(2, 2)
    other.register_buffer("window", torch.zeros(3))
    checkpoint.load_weights(tmp_path, other)
    assert other.window.tolist() == [2.0, 4.0, 6.0]


def test_weights_that_lack_or_add_a_part_are_told(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, nn.Linear(3, 2), {})
    with pytest.raises(DataError, match="unexpected bias"):
        checkpoint.load_weights(tmp_path, nn.Linear(3, 2, bias=False))
    checkpoint.save(tmp_path, nn.Linear(3, 2, bias=False), {})
    with pytest.raises(DataError, match="missing bias"):
        checkpoint.load_weights(tmp_path, nn.Linear(3, 2))


def test_another_architecture_and_a_missing_file_are_told(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, nn.Linear(3, 2), {})
    with pytest.raises(DataError, match="do not fit this model"):
        checkpoint.load_weights(tmp_path, nn.Linear(3, 5))
    with pytest.raises(DataError, match="no weights"):
        checkpoint.load_weights(tmp_path / "nowhere", nn.Linear(3, 2))
    with pytest.raises(DataError, match="no checkpoint"):
        checkpoint.load_state(tmp_path / "nowhere")


def test_a_pickle_in_place_of_a_state_is_refused(tmp_path: Path) -> None:
    class Exploit:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "owned"), "w"))  # type: ignore[return-value]

    (tmp_path / checkpoint.STATE).write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(DataError, match="damaged"):
        checkpoint.load_state(tmp_path)
    assert not (tmp_path / "owned").exists()


def test_a_truncated_file_is_told_as_damaged(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, nn.Linear(3, 2), {"x": torch.zeros(1000)})
    for name in (checkpoint.STATE, checkpoint.WEIGHTS):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged"):
        checkpoint.load_state(tmp_path)
    with pytest.raises(DataError, match="are damaged"):
        checkpoint.load_weights(tmp_path, nn.Linear(3, 2))


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot save the checkpoint"):
        checkpoint.save(tmp_path / "file", nn.Linear(1, 1), {})


def test_random_state_round_trips() -> None:
    state = checkpoint.random_state()
    first = (random.random(), torch.rand(1).item())
    checkpoint.restore_random(state)
    assert (random.random(), torch.rand(1).item()) == first
