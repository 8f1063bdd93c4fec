"""Imports of torchaudio and torchvision beside any build of torch.

Their published wheels link CUDA libraries. Beside a CPU build of torch the native part cannot load: torchaudio then
raises, and torchvision fails on the fake kernels of operators that were never defined; timm and transformers fall with
them. `install` puts a finder in front of the import system, which costs nothing until one of the two is imported for
the first time. Only then is the native library tried, exactly as the package itself would load it:

    torchaudio    loads: left alone. Fails: `torchaudio._extension` becomes a stub that says so.
    torchvision   loads: left alone. Fails: the schemas of `torchvision::nms` and `torchvision::qnms` are defined.

All that is written in Python works afterwards; a native operator still fails where it is called, with its own message.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path

_status: dict[str, str] = {}
_kept: list[Any] = []  # torch forgets an operator's schema when the library object that defined it is collected


def install() -> None:
    """Watch for the first import of torchaudio and torchvision. Calling it again changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        for name in _PREPARE:
            if name in sys.modules:
                _status[name] = "imported before mmx: not touched"
        sys.meta_path.insert(0, _Finder())


def status() -> Mapping[str, str]:
    """Return, for each of the two packages that was imported so far, what was done about it."""
    return dict(_status)


class _Finder:
    """Finds nothing itself: it lets the other finders find, and prepares the ground right before the module is run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _PREPARE or fullname in _status:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                _prepare_before_execution(spec)
                return spec
        return None


def _prepare_before_execution(spec: ModuleSpec) -> None:
    """Hook into this one spec's loader; merely looking for the package (`find_spec`) must not import torch."""
    loader: Any = spec.loader
    execute: Callable[[ModuleType], None] | None = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: ModuleType) -> None:
        loader.exec_module = execute
        _prepare(spec)
        execute(module)

    loader.exec_module = exec_module


def _prepare(spec: ModuleSpec) -> None:
    from pathlib import Path

    folder = Path(next(iter(spec.submodule_search_locations or ()), ""))
    try:
        _status[spec.name] = _PREPARE[spec.name](folder)
    except (ImportError, OSError, RuntimeError) as error:  # no usable torch: the package itself is about to say so
        _status[spec.name] = f"not touched: {error}"


def _native_fault(libraries: Sequence[Path]) -> str | None:
    """Return why one of the native libraries cannot be loaded into this torch, or None if all can."""
    torch: Any = import_module("torch")  # its library functions are not annotated
    for library in libraries:
        try:
            torch.ops.load_library(str(library))
        except (OSError, RuntimeError, ImportError) as error:
            return str(error.__cause__ or error).strip().partition("\n")[0]
    return None


def _prepare_torchaudio(folder: Path) -> str:
    libraries = [path for stem in ("_torchaudio", "libtorchaudio") for path in _libraries(folder / "lib", stem)]
    fault = _native_fault(libraries)
    if fault is None:
        return "native library loads: left alone"
    from importlib.machinery import ModuleSpec

    stub = ModuleType("torchaudio._extension", "Stands in for the native part of torchaudio, which cannot load here.")
    stub.__spec__ = ModuleSpec(stub.__name__, None)
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    stub._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
    stub.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
    sys.modules[stub.__name__] = stub
    return f"native library cannot load ({fault}): stub in place, Python parts work"


def _prepare_torchvision(folder: Path) -> str:
    libraries = _libraries(folder, "_C")
    fault = _native_fault(libraries) if libraries else "it has none"
    if fault is None:
        return "native library loads: left alone"
    torch: Any = import_module("torch")
    library = torch.library.Library("torchvision", "FRAGMENT")
    _kept.append(library)
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return f"native library cannot load ({fault}): operator schemas defined, Python parts work"


def _libraries(folder: Path, stem: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{stem}*") if path.suffix in (".so", ".pyd"))


_PREPARE: dict[str, Callable[[Path], str]] = {
    "torchaudio": _prepare_torchaudio,
    "torchvision": _prepare_torchvision,
}
