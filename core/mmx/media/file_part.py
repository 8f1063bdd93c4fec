"""Media files that are a part of a larger file, such as the members of a tar archive."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from mmx.errors import DataError

_AT_ONCE: Final = 1 << 24
"""Bytes up to which a part is read at once; of a larger one, only what its decoder asks for."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A stretch of a file that is a media file of its own; the readers of `mmx` open it in place.

    Args:
        path: The larger file.
        name: Name of the part, for its suffix and for messages.
        offset: Where it begins, in bytes.
        size: Its length in bytes.
    """

    path: Path
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.path}:{self.name}"

    @property
    def suffix(self) -> str:
        """The kind of file, by its name: `.wav`."""
        stem, dot, suffix = self.name.rpartition("/")[2].rpartition(".")
        return f"{dot}{suffix.lower()}" if stem and suffix else ""

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return the content as a binary file to read.

        Raises:
            DataError: The larger file cannot be read, or has become shorter.
            ValueError: Another mode than "rb".
        """
        if mode != "rb":
            raise ValueError(f"{self}: a part of a file can only be read, not opened as {mode!r}")
        try:
            if self.size <= _AT_ONCE:
                with self.path.open("rb", buffering=0) as handle:
                    handle.seek(self.offset)
                    content = handle.read(self.size)
                if len(content) == self.size:
                    return io.BytesIO(content)
            elif self.path.stat().st_size >= self.offset + self.size:
                return io.BufferedReader(_Stretch(self.path, self.offset, self.size), 1 << 16)
        except OSError as error:
            raise DataError(f"{self}: cannot be read: {error.strerror}") from None
        raise DataError(f"{self}: {self.path.name} is shorter than it was")

    def stat(self) -> os.stat_result:
        """Return what is known of it as of a file: its size."""
        return os.stat_result((0o100444, 0, 0, 1, 0, 0, self.size, 0, 0, 0))

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        with self.open() as handle:
            return handle.read()


class _Stretch(io.RawIOBase):
    """Some bytes of a file as a file."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._offset, self._size, self._place = offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._size - self._place))
        self._file.seek(self._offset + self._place)
        read = self._file.readinto(memoryview(buffer)[:wanted]) or 0
        self._place += read
        return read

    def close(self) -> None:
        self._file.close()
        super().close()
