"""Checkpoints: round trip, atomicity, and refusal of what is not one."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmx.errors import DataError, TrainingError
from mmx.support.signals import Interrupted
from mmx.training import checkpoint
from tests.core.parts import experiment
from tests.core.training.test_trainer import StopAt, trainer


def test_weights_and_state_come_back(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    checkpoint.save(tmp_path / "c", model, {"step": 4, "moments": torch.arange(3.0)})
    other = nn.Linear(3, 2)
    checkpoint.load_weights(tmp_path / "c", other)
    torch.testing.assert_close(other.weight, model.weight)
    assert checkpoint.load_state(tmp_path / "c")["step"] == 4
    identity = checkpoint.identity_of(tmp_path / "c" / checkpoint.WEIGHTS)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["model.safetensors", f"state-{identity}.pt"]


def state_of(folder: Path) -> Path:
    (path,) = folder.glob("state-*.pt")
    return path


def test_the_next_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    for step in range(3):
        checkpoint.save(tmp_path, nn.Linear(3, 2), {"step": step})
    assert checkpoint.load_state(tmp_path)["step"] == 2
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "state-*.pt"])
def test_halves_of_two_checkpoints_are_refused(tmp_path: Path, name: str) -> None:
    """As a copy that was interrupted, or a person, leaves them."""
    for each in ("a", "b"):
        checkpoint.save(tmp_path / each, nn.Linear(3, 2), {"step": each})
    (mine,), (other,) = (tmp_path / "a").glob(name), (tmp_path / "b").glob(name)
    mine.write_bytes(other.read_bytes())
    with pytest.raises(DataError, match=r"do not belong together|state of other weights"):
        checkpoint.load_state(tmp_path / "a")
    assert checkpoint.complete(tmp_path / "b")


def test_weights_without_an_id_can_be_used_but_not_resumed(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    save_file(checkpoint.distinct(model), str(tmp_path / checkpoint.WEIGHTS))
    (tmp_path / "state.pt").write_bytes(b"")
    checkpoint.load_weights(tmp_path, nn.Linear(3, 2))
    assert not checkpoint.complete(tmp_path)
    with pytest.raises(DataError, match="an older version of mmx wrote them"):
        checkpoint.load_state(tmp_path)


def test_an_id_that_is_a_path_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    torch.save({"checkpoint": "/../x"}, tmp_path / "x.pt")
    weights = checkpoint.distinct(nn.Linear(3, 2))
    save_file(weights, str(tmp_path / "c" / checkpoint.WEIGHTS), metadata={"checkpoint": "/../x"})
    with pytest.raises(DataError, match="cannot be resumed"):
        checkpoint.load_state(tmp_path / "c")


@pytest.mark.parametrize("place", [-1, -9, -20])
def test_a_byte_that_changed_is_told_as_damaged(tmp_path: Path, place: int) -> None:
    checkpoint.save(tmp_path, nn.Linear(3, 2), {})
    path = tmp_path / checkpoint.WEIGHTS
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="are damaged: their bytes are not those that were saved"):
        checkpoint.load_weights(tmp_path, nn.Linear(3, 2))


def test_every_kind_of_tensor_has_its_part_in_the_id() -> None:
    one = {"w": torch.zeros(2, 3), "b": torch.zeros((), dtype=torch.bfloat16), "e": torch.zeros(0)}
    changes = [{"w": torch.zeros(3, 2)}, {"w": torch.zeros(2, 3).double()}, {"b": torch.ones((), dtype=torch.bfloat16)}]
    ids = [checkpoint.digest(one | change) for change in ({}, *changes)]
    assert len(set(ids)) == 4
    assert checkpoint.digest(dict(reversed(one.items()))) == ids[0]


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

    checkpoint.save(tmp_path, nn.Linear(3, 2), {})
    state_of(tmp_path).write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(DataError, match="damaged"):
        checkpoint.load_state(tmp_path)
    assert not (tmp_path / "owned").exists()


def test_a_truncated_file_is_told_as_damaged(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, nn.Linear(3, 2), {"x": torch.zeros(1000)})
    for path in (state_of(tmp_path), tmp_path / checkpoint.WEIGHTS):
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
    np.random.randn()  # the legacy generator keeps every second normal number for the next call
    state = checkpoint.random_state()
    first = (random.random(), np.random.randn(), np.random.rand(), torch.rand(1).item())
    checkpoint.restore_random(state)
    assert (random.random(), np.random.randn(), np.random.rand(), torch.rand(1).item()) == first


def test_an_exported_run_has_its_weights_beside_its_configuration(tmp_path: Path) -> None:
    assert checkpoint.folder_of(tmp_path) == tmp_path / "checkpoint"
    (tmp_path / checkpoint.WEIGHTS).touch()
    assert checkpoint.folder_of(tmp_path) == tmp_path
    (tmp_path / "checkpoint").mkdir()
    assert checkpoint.folder_of(tmp_path) == tmp_path / "checkpoint"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("stage",), 7),
        (("stage",), -1),
        (("step",), "3"),
        (("updates", "optimizers"), []),
        (("updates", "optimizers", 0, "param_groups"), []),
        (("window",), 3),
        (("random",), [{}]),
        (("updates",), "none"),
    ],
)
def test_a_state_of_another_experiment_is_told_in_one_line(tmp_path: Path, path: tuple[Any, ...], value: Any) -> None:
    """As where the configuration of the run was edited, or the folder is somebody else's."""
    run = trainer(experiment(settings={"checkpoint_every": 10}), tmp_path)
    run.observer = StopAt(7)
    with run.interrupt.handled(), pytest.raises(Interrupted):
        run.fit()
    state = checkpoint.load_state(tmp_path / "checkpoint")
    place: Any = state
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DataError, match=r"does not fit this experiment \(.+\); was config.yaml edited\?") as told:
        trainer(experiment(), tmp_path).fit(state)
    assert "\n" not in str(told.value)
