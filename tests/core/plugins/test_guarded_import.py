"""What may be imported from a restricted folder: files with the bytes that were trusted, and nothing beside them."""

from __future__ import annotations

import hashlib
import importlib
import importlib.resources
import os
import py_compile
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mmx.plugins import guarded_import

NAMES = ("__init__.py", "part.py", "note.txt")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package on the import path, all files of which are trusted, and a module beside it that is not."""
    package = tmp_path / "mmx_guarded"
    package.mkdir()
    for name in NAMES:
        (package / name).write_text("VALUE = 'trusted'\n")
    (tmp_path / "guarded_helper.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    trusted = {os.path.realpath(package / name): hashlib.sha256((package / name).read_bytes()) for name in NAMES}
    guarded_import.restrict([tmp_path], {path: found.digest() for path, found in trusted.items()})
    yield package
    guarded_import.release([tmp_path])
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith(("mmx_guarded", "guarded_helper"))]:
        del sys.modules[name]


def imported(name: str) -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_what_was_trusted_is_imported_with_its_data(package: Path) -> None:
    assert imported("mmx_guarded.part").VALUE == "trusted"
    assert importlib.resources.files("mmx_guarded").joinpath("note.txt").read_text() == "VALUE = 'trusted'\n"
    assert not (package / "__pycache__").exists()


@pytest.mark.parametrize("link", [False, True])
def test_what_changed_since_is_refused(package: Path, link: bool) -> None:
    assert imported("mmx_guarded").VALUE == "trusted"
    (package / "part.py").unlink()
    target = package.parents[1] / "elsewhere.py" if link else package / "part.py"
    target.write_text("VALUE = 'changed'\n")
    if link:
        (package / "part.py").symlink_to(target)
    with pytest.raises(ImportError, match=r"part\.py is not what was trusted"):
        imported("mmx_guarded.part")


def test_what_lies_beside_the_package_or_is_new_in_it_is_refused(package: Path) -> None:
    (package / "new.py").write_text("")
    (package / "sub").mkdir()
    (package / "sub" / "deep.py").write_text("")
    for name in ("guarded_helper", "mmx_guarded.new", "mmx_guarded.sub.deep"):
        with pytest.raises(ImportError, match="is not what was trusted"):
            imported(name)


def test_compiled_files_are_not_read(package: Path) -> None:
    (package / "part.py").write_text("VALUE = 'compiled'\n")
    compiled = package / "__pycache__" / f"part.{sys.implementation.cache_tag}.pyc"
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(package / "part.py"), str(compiled), doraise=True, invalidation_mode=unchecked)
    (package / "part.py").write_text("VALUE = 'trusted'\n")
    assert imported("mmx_guarded.part").VALUE == "trusted"
    compiled.rename(package / "bare.pyc")
    with pytest.raises(ModuleNotFoundError):
        imported("mmx_guarded.bare")
    guarded_import.release([package.parent])
    sys.path_importer_cache.clear()
    (package / "bare.pyc").rename(compiled)
    forget()
    assert imported("mmx_guarded.part").VALUE == "compiled", "Python itself would have taken it"


def test_a_compiled_extension_is_checked(package: Path) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (package / f"native{suffix}").write_bytes(b"\x7fELF")
    with pytest.raises(ImportError, match="is not what was trusted"):
        imported("mmx_guarded.native")
