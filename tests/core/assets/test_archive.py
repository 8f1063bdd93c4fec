"""One member comes out of an archive; links, paths that lead outside, bombs and damage do not."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from mmx.assets.archive import digest, take
from mmx.errors import AssetError

CONTENT = bytes(range(256)) * 40
LIMIT = 1 << 20


def wheel(path: Path, name: str = "pkg/w.bin", mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pkg/__init__.py", "raise SystemExit")
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, CONTENT)
    return path


def tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = "/etc/passwd"
        info.size = len(CONTENT) if kind == tarfile.REGTYPE else 0
        archive.addfile(info, io.BytesIO(CONTENT))
    return path


@pytest.mark.parametrize(
    ("build", "name"),
    [(wheel, "pkg/w.bin"), (tar, "pkg/w.bin"), (tar, "pkg-1.0/pkg/w.bin"), (tar, "pkg-1.0/src/pkg/w.bin")],
)
def test_takes_the_member(tmp_path: Path, build: object, name: str) -> None:
    archive = build(tmp_path / "archive", name)  # type: ignore[operator]
    checksum = take(archive, "pkg/w.bin", tmp_path / "out", limit=LIMIT)
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert checksum == hashlib.sha256(CONTENT).hexdigest() == digest(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "out"]


@pytest.mark.parametrize("member", ["../w.bin", "/etc/passwd", "pkg/../../w.bin", "pkg\\w.bin", "pkg/\0"])
def test_member_that_leads_outside(tmp_path: Path, member: str) -> None:
    with pytest.raises(AssetError, match="no plain path"):
        take(wheel(tmp_path / "a.whl"), member, tmp_path / "out", limit=LIMIT)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(AssetError, match="is a link or no regular file"):
        take(tar(tmp_path / "a.tar.gz", "pkg/w.bin", kind), "pkg/w.bin", tmp_path / "out", limit=LIMIT)


def test_link_in_wheel(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="is a link"):
        take(wheel(tmp_path / "a.whl", mode=0o120777), "pkg/w.bin", tmp_path / "out", limit=LIMIT)


@pytest.mark.parametrize("build", [wheel, tar])
def test_larger_than_allowed(tmp_path: Path, build: object) -> None:
    archive = build(tmp_path / "a", "pkg/w.bin")  # type: ignore[operator]
    with pytest.raises(AssetError, match="is larger than 0 MB"):
        take(archive, "pkg/w.bin", tmp_path / "out", limit=len(CONTENT) - 1)
    take(archive, "pkg/w.bin", tmp_path / "out", limit=len(CONTENT))


@pytest.mark.parametrize("build", [wheel, tar])
def test_absent_member(tmp_path: Path, build: object) -> None:
    with pytest.raises(AssetError, match=r"no file pkg/other.bin in a$"):
        take(build(tmp_path / "a", "pkg/w.bin"), "pkg/other.bin", tmp_path / "out", limit=LIMIT)  # type: ignore[operator]


@pytest.mark.parametrize("build", [wheel, tar])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_truncated(tmp_path: Path, build: object, keep: float) -> None:
    archive: Path = build(tmp_path / "a", "pkg/w.bin")  # type: ignore[operator]
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(AssetError, match="a is damaged, truncated or encrypted") as caught:
        take(archive, "pkg/w.bin", tmp_path / "out", limit=LIMIT)
    assert "\n" not in str(caught.value)


def test_flipped_bits_in_a_wheel(tmp_path: Path) -> None:
    archive = wheel(tmp_path / "a.whl")
    content = bytearray(archive.read_bytes())
    start = content.index(b"pkg/w.bin") + 20
    content[start : start + 8] = b"\xff" * 8
    archive.write_bytes(content)
    with pytest.raises(AssetError, match="damaged"):
        take(archive, "pkg/w.bin", tmp_path / "out", limit=LIMIT)
