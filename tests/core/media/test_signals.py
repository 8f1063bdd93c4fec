"""Signals as tables: rate, stretches, and one clear line for each fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.signals import read_signal


def written(folder: Path, lines: list[str]) -> Path:
    path = folder / "signal.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def table(rate: float = 4.0, count: int = 12) -> list[str]:
    return ["time,x,y", *(f"{10 + i / rate},{i},{-i}" for i in range(count))]


def test_rate_channels_and_a_stretch(tmp_path: Path) -> None:
    path = written(tmp_path, table())
    whole = read_signal(path)
    assert whole.rate == pytest.approx(4.0) and whole.values_TC.shape == (12, 2)
    np.testing.assert_array_equal(whole.values_TC[:, 1], -np.arange(12))
    part = read_signal(path, start=1.0, seconds=0.5)
    np.testing.assert_array_equal(part.values_TC[:, 0], [4, 5])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["x,y", "1,2"], "column 'time'"),
        (["time,x", "0,1"], "two rows"),
        (["time,x", "0,1", "1,2", "1,3"], "rise"),
        (["time,x", "0,1", "1,2", "2,3", "9,4"], "line 5: readings are not evenly spaced"),
        (["time,x", "0,1", "1,a"], "line 3: not a number"),
        (["time,x", "0,1", "1,2,3"], "line 3: 3 values in 2 columns"),
        (["time,x", "0,1", "1,nan"], "line 3: a value is not finite"),
    ],
)
def test_faults(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_signal(written(tmp_path, lines))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readings from 9 s on"):
        read_signal(written(tmp_path, table()), start=9)
    with pytest.raises(DataError, match="cannot be read"):
        read_signal(tmp_path / "none.csv")
