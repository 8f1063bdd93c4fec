"""Pickled arrays are read; nothing else in a pickle gets to do anything."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmx.assets.safe_unpickle import read_npy
from mmx.errors import AssetError

# A dict of one float32 and one int64 array as Python 2 and numpy 1 wrote it: protocol 2, byte strings.
PYTHON_2 = (
    b"\x80\x02}q\x00U\x05conv1q\x01}q\x02(U\x01wq\x03cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05"
    b"K\x00\x85U\x01b\x87Rq\x06(K\x01K\x02\x85cnumpy\ndtype\nq\x07U\x02f4K\x00K\x01\x87Rq\x08(K\x03U\x01<NNNJ\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x80\xbftbU\x01nq\th\x04h\x05K\x00\x85U\x01b\x87R(K\x01K\x01\x85"
    b"h\x07U\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x07\x00\x00\x00\x00\x00\x00\x00"
    b"tbus."
)


def wrap(pickled: bytes, path: Path) -> Path:
    """Put a pickle where `numpy.save` puts that of an object array."""
    with path.open("wb") as file:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(pickled)
    return path


def save(value: Any, path: Path, protocol: int = 2) -> Path:
    holder = np.empty((), dtype=object)
    holder[()] = value
    return wrap(pickle.dumps(holder, protocol=protocol), path)


def test_python_2_pickle(tmp_path: Path) -> None:
    values = read_npy(wrap(PYTHON_2, tmp_path / "a.npy"))
    assert values["conv1"]["w"].tolist() == [1.0, -1.0]
    assert values["conv1"]["w"].dtype == np.float32
    assert values["conv1"]["n"].tolist() == [7]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_dict_of_arrays_as_numpy_saves_it(tmp_path: Path, protocol: int) -> None:
    generator = np.random.default_rng(0)
    weights = {
        "a": {
            "w": generator.normal(size=(3, 1, 2)).astype("<f4"),
            "b": np.asfortranarray(generator.normal(size=(4, 5))),
        },
        "big_endian": np.arange(6, dtype=">i2").reshape(2, 3),
        "flags": np.array([True, False]),
        "scalar": np.float64(2.5),
        "empty": np.zeros((0, 3), "f4"),
        "plain": [1, 2.5, "x", None, (True, b"raw")],
    }
    read = read_npy(save(weights, tmp_path / "a.npy", protocol))
    for path in (("a", "w"), ("a", "b"), ("big_endian",), ("flags",), ("empty",)):
        ours, theirs = read, weights
        for key in path:
            ours, theirs = ours[key], theirs[key]  # type: ignore[index,assignment]
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype  # type: ignore[attr-defined]
        assert ours.shape == theirs.shape  # type: ignore[attr-defined]
    assert read["scalar"] == 2.5
    assert read["plain"] == weights["plain"]


def test_same_as_numpy_itself(tmp_path: Path) -> None:
    value = {"w": np.arange(6.0).reshape(2, 3), "twice": None}
    value["twice"] = value["w"]
    np.save(tmp_path / "a.npy", np.array(value, dtype=object), allow_pickle=True)
    ours = read_npy(tmp_path / "a.npy")
    theirs = np.load(tmp_path / "a.npy", allow_pickle=True, encoding="latin1").item()
    np.testing.assert_array_equal(ours["w"], theirs["w"])
    assert ours["twice"] is ours["w"], "one array in the file is one array in memory"


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(st.sampled_from(["<f4", ">f8", "i1", "u2", "?", "c8"]), hnp.array_shapes(min_dims=0, max_dims=3)))
def test_any_array_of_numbers(array: np.ndarray) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "plain.npy")
        np.save(plain, array)
        np.testing.assert_array_equal(read_npy(plain), array)
        np.testing.assert_array_equal(read_npy(save([array], Path(folder, "p.npy")))[0], array)


class Exploit:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {0}",)),
        (eval, ("open({0!r}, 'w')",)),
        (getattr, (os, "system")),
        (np.save, ("{0}", np.zeros(1))),
        (np.fromfile, ("{0}",)),
        (collections.Counter, ()),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_exploit_is_refused_and_not_run(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...], nested: bool
) -> None:
    witness = tmp_path / "witness"
    arguments = tuple(item.format(str(witness)) if isinstance(item, str) else item for item in arguments)
    if arguments and arguments[0] is os:
        pickled = b"\x80\x02c__builtin__\ngetattr\ncos\nsystem\nU\x01x\x86R."
    else:
        exploit = Exploit(function, *arguments)
        pickled = pickle.dumps({"w": [np.zeros(3), exploit]} if nested else exploit, protocol=2)
    with pytest.raises(AssetError, match="refused: the file asks for"):
        read_npy(wrap(pickled, tmp_path / "a.npy"))
    assert not witness.exists()
    assert not (tmp_path / "witness.npy").exists()


def test_the_exploit_works_where_nothing_stops_it(tmp_path: Path) -> None:
    """Without this the tests above could pass because the exploits are duds."""
    pickle.loads(pickle.dumps(Exploit(os.system, f"touch {tmp_path / 'witness'}"), protocol=2))
    assert (tmp_path / "witness").exists()


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.zeros(2, dtype=[("a", "f4")]), "not plain numbers"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "not plain numbers"),
        (np.array(["text"]), "not plain numbers"),
        ({1, 2}, "refused"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, value: Any, match: str) -> None:
    with pytest.raises(AssetError, match=match):
        read_npy(save(value, tmp_path / "a.npy"))


def test_lying_about_the_shape_is_refused(tmp_path: Path) -> None:
    lie = PYTHON_2.replace(b"(K\x01K\x02\x85", b"(K\x01K\x7f\x85", 1)
    with pytest.raises(AssetError, match="8 bytes do not make an array of shape"):
        read_npy(wrap(lie, tmp_path / "a.npy"))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    value: Any = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(AssetError, match="nested more than"):
        read_npy(save(value, tmp_path / "a.npy"))
    with pytest.raises(AssetError):
        read_npy(wrap(b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".", tmp_path / "b.npy"))


def test_shared_references_do_not_explode(tmp_path: Path) -> None:
    value: Any = [np.zeros(1)]
    for _ in range(12):
        value = [value] * 12  # 12 ** 12 items, if every path were followed
    read_npy(save(value, tmp_path / "a.npy"))


@pytest.mark.parametrize("cut", [0, 5, 30, 90, 200, -3])
def test_damaged_file(tmp_path: Path, cut: int) -> None:
    path = wrap(PYTHON_2, tmp_path / "a.npy")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(AssetError, match=r"not a readable .npy file"):
        read_npy(path)
