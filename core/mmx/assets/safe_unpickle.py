"""Reading of pickled numpy arrays without unpickling anything else: no class, no function, no numpy internals.

Old weights come as `.npy` files that hold a pickled dict of arrays. A pickle is a program; this reader runs it with an
empty vocabulary. The three names that a pickled array needs become inert stand-ins that only note down what they are
given; arrays are then made from those notes, for plain number types alone. Any other name is an error.
"""

from __future__ import annotations

import math
import pickle  # the subject of this file: only a subclass that finds nothing is ever used
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.errors import AssetError
from mmx.support.text import describe, one_line

if TYPE_CHECKING:
    from typing import BinaryIO

    import numpy as np

DEPTH: Final = 20
"""Levels of dicts and lists that are followed."""
_NUMBER = re.compile(r"[biufc][0-9]{1,2}")
_PLAIN = (str, int, float, bool, bytes, type(None))


def read_npy(path: Path) -> Any:
    """Return what a `.npy` file holds: an array, or for an object array of one item that item, arrays inside it.

    Args:
        path: A file written by `numpy.save`, under any Python.

    Returns:
        Arrays in dicts, lists and tuples, together with plain values.

    Raises:
        AssetError: The file is no `.npy` file, is damaged, or holds anything but plain values and arrays of numbers.
    """
    from numpy.lib import format as npy

    try:
        with path.open("rb") as file:
            read_header = {1: npy.read_array_header_1_0, 2: npy.read_array_header_2_0}[npy.read_magic(file)[0]]
            shape, _, dtype = read_header(file)
            if dtype.hasobject:
                return _Builder().value(_Unpickler(file).load())
            file.seek(0)
            array: np.ndarray = npy.read_array(file, allow_pickle=False)
    except AssetError:
        raise
    except RecursionError:
        raise AssetError(f"{path}: nested too deeply") from None
    except Exception as error:  # a damaged pickle can raise almost anything
        raise AssetError(f"{path}: not a readable .npy file: {describe(error)}") from error
    return array if shape else array.item()


class _Array:
    """Stands in for `numpy.ndarray`: keeps the state it would be given."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state


class _Dtype:
    """Stands in for `numpy.dtype`: keeps its letter and its byte order."""

    order = "|"

    def __init__(self, code: str | bytes, *_flags: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.order = order.decode("latin1") if isinstance(order, bytes) else str(order)


class _Scalar:
    """Stands in for a numpy scalar: keeps its type and its bytes."""

    def __init__(self, dtype: Any, raw: str | bytes) -> None:
        self.dtype, self.raw = dtype, raw


def _reconstruct(*_arguments: object) -> _Array:
    return _Array()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise AssetError(f"refused: text encoded as {one_line(encoding)!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""  # how old protocols write an empty string of bytes; the real `bytes` would make as many as its argument


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows stand-ins, and nothing else."""

    _NAMES: Final = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _encode,
        ("__builtin__", "bytes"): _no_bytes,
        **{
            (module, name): stand_in
            for module in ("numpy.core.multiarray", "numpy._core.multiarray")
            for name, stand_in in (("_reconstruct", _reconstruct), ("scalar", _Scalar))
        },
    }

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._NAMES[module, name]
        except KeyError:
            raise AssetError(
                f"refused: the file asks for {one_line(f'{module}.{name}')!r}; only arrays of numbers are read"
            ) from None


class _Builder:
    """Makes arrays from stand-ins, each once, however often it is referred to."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}

    def value(self, raw: Any, depth: int = 0) -> Any:
        if depth > DEPTH:
            raise AssetError(f"refused: nested more than {DEPTH} levels deep")
        if isinstance(raw, _PLAIN):
            return raw
        if id(raw) not in self.done:
            self.done[id(raw)] = self._build(raw, depth + 1)
        return self.done[id(raw)]

    def _build(self, raw: Any, depth: int) -> Any:
        if isinstance(raw, dict):
            return {self.value(key, depth): self.value(item, depth) for key, item in raw.items()}
        if isinstance(raw, list | tuple):
            return type(raw)(self.value(item, depth) for item in raw)
        if isinstance(raw, _Array):
            return self._array(raw, depth)
        if isinstance(raw, _Scalar):
            return _numbers(raw.dtype, (), raw.raw)[()]
        raise AssetError(f"refused: a {type(raw).__name__} is neither a plain value nor an array of numbers")

    def _array(self, raw: _Array, depth: int) -> Any:
        _, shape, dtype, fortran, content = raw.state
        if isinstance(content, list):  # an array of objects: its items, and without a shape the only one
            items = self.value(content, depth)
            return items if shape else items[0]
        array = _numbers(dtype, shape[::-1] if fortran else shape, content)
        return array.T if fortran else array


def _numbers(dtype: Any, shape: tuple[int, ...], content: str | bytes) -> np.ndarray:
    """Make an array of plain numbers from its bytes; shape and length must agree."""
    import numpy as np

    if not isinstance(dtype, _Dtype) or not _NUMBER.fullmatch(dtype.code) or dtype.order not in "<>=|":
        raise AssetError(
            f"refused: values of type {one_line(str(getattr(dtype, 'code', dtype)))!r} are not plain numbers"
        )
    raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
    kind = np.dtype(dtype.order + dtype.code)
    if math.prod(shape) * kind.itemsize != len(raw) or any(side < 0 for side in shape):
        raise AssetError(f"refused: {len(raw)} bytes do not make an array of shape {shape}")
    return np.frombuffer(raw, kind).reshape(shape).copy()
