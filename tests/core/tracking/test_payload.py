from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mmx.tracking.payload import (
    Undeliverable,
    charted_key,
    contained,
    files,
    local,
    model_files,
    param_value,
    send_divided,
)


def test_a_stage_is_one_group_of_charts_and_the_cost_is_the_last_group() -> None:
    own = ["perf/seconds", "test/r@1", "train/fit/loss", "val/fit/loss", "val/fit/top@5", "val/x", "perf"]
    sent = [charted_key(key) for key in own]
    assert sent[:3] == ["usage/seconds", "test/r_at_1", "train/fit/loss"]
    assert sent[3:] == ["train/fit/val_loss", "train/fit/val_top_at_5", "val/x", "perf"]
    groups = sorted({key.rpartition("/")[0] for key in sent[:5]})  # as MLflow's pages sort them
    assert groups == ["test", "train/fit", "usage"]
    long = {charted_key(f"val/fit/{'a' * 260}{end}") for end in "bc"}
    assert len(long) == 2 and all(len(key) <= 250 for key in long)


def test_names_stay_in_the_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "sub").mkdir(parents=True)
    (run / "sub" / "a.txt").touch()
    (tmp_path / "b.txt").touch()
    (run / "out").symlink_to(tmp_path)
    (run / "in").symlink_to(run / "sub")
    assert contained(run, "in/a.txt") == (run / "sub" / "a.txt").resolve()
    assert contained(run, str(run / "sub" / "a.txt")) == (run / "sub" / "a.txt").resolve()
    for name in ("../b.txt", "out/b.txt", str(tmp_path / "b.txt"), "sub/../../b.txt"):
        with pytest.raises(Undeliverable, match="outside"):
            contained(run, name)
    with pytest.raises(Undeliverable, match="gone"):
        contained(run, "nothing")


def test_links_pipes_and_temporary_files_are_no_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoint").mkdir(parents=True)
    (tmp_path / "x.safetensors").touch()
    for name in ("a.safetensors", ".b.123.tmp.safetensors"):
        (run / "checkpoint" / name).touch()
    (run / "checkpoint" / "c.safetensors").symlink_to(tmp_path / "x.safetensors")
    os.mkfifo(run / "checkpoint" / "d.safetensors")
    assert [path.name for path in files(run)] == ["a.safetensors"]
    assert [path.name for path in model_files(run)] == ["a.safetensors"]


def test_a_full_disk_is_not_the_fault_of_a_file() -> None:
    with pytest.raises(OSError, match="space"), local("x"):
        raise OSError(errno.ENOSPC, "no space")
    with pytest.raises(Undeliverable, match="x: ValueError: bad"), local("x"):
        raise ValueError("bad")


def test_halves_are_sent_down_to_the_one_that_is_refused() -> None:
    sent: list[int] = []
    refused: list[int] = []

    def send(items: object) -> None:
        if 5 in items:  # type: ignore[operator]
            raise ValueError("five")
        sent.extend(items)  # type: ignore[arg-type, call-overload]

    send_divided(
        range(10),
        send,
        permanent=lambda error: isinstance(error, ValueError),
        refused=lambda item, error: refused.append(item),
    )
    assert (sorted(sent), refused) == ([0, 1, 2, 3, 4, 6, 7, 8, 9], [5])
    with pytest.raises(ValueError, match="five"):
        send_divided([5], send, permanent=lambda error: False, refused=lambda item, error: None)


def test_a_param_is_cut_and_has_no_secrets() -> None:
    assert param_value("token=abc123") == "token=[redacted]"
    assert "9000 characters" in param_value("x" * 9000)
