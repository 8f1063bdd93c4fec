from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmx.support.files import plain, replacing, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a" / "b.txt", "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("disk full")
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["b.txt"]


def test_the_temporary_file_keeps_the_suffix(tmp_path: Path) -> None:
    with replacing(tmp_path / "clip.wav") as temporary:
        assert temporary.suffix == ".wav"
        temporary.write_bytes(b"x")
    assert (tmp_path / "clip.wav").read_bytes() == b"x"


def test_json_is_strict_whatever_comes_in(tmp_path: Path) -> None:
    value = {"a": np.float32(0.5), "b": np.arange(3), "c": float("nan"), "d": {1: (float("inf"), None)}, "e": Path("x")}
    written = write_json(tmp_path / "v.json", value).read_text()
    assert json.loads(written, parse_constant=lambda name: pytest.fail(name)) == {
        "a": 0.5,
        "b": [0, 1, 2],
        "c": None,
        "d": {"1": [None, None]},
        "e": "x",
    }


def test_plain_keeps_numbers_and_truth_values() -> None:
    assert plain({"x": True, "n": np.int64(7), "s": "é"}) == {"x": True, "n": 7, "s": "é"}
