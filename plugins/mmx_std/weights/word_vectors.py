"""Files of word vectors: word2vec's text and binary forms, and GloVe's text. Shapes: V words, D width."""

from __future__ import annotations

from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmx import AssetError

__all__ = ["read_word_vectors", "write_word_vectors"]

_LONGEST_WORD: Final = 1000
_WIDEST: Final = 4096
_LINE: Final = _LONGEST_WORD + 32 * _WIDEST


def read_word_vectors(path: str | Path, most: int) -> tuple[list[str], NDArray[np.float32]]:
    """Return words and their vectors, float32 (V, D), in the order of the file.

    The form is told from the first line: `V D` stands over word2vec's files (binary ones have 4 D bytes after a word),
    GloVe's have no such line. A word that occurs again is left out, as gensim does.

    Args:
        path: The file.
        most: Only the first words, which are the most frequent ones.

    Raises:
        AssetError: Not such a file, or it ends early; told with the word's number.
    """
    file = Path(path).expanduser()
    try:
        with file.open("rb") as stream:
            first = stream.readline(_LINE).split()
            if len(first) == 2 and all(part.isdigit() for part in first):
                count, width = int(first[0]), int(first[1])
                if not 1 <= width <= _WIDEST:
                    raise AssetError(f"{file}: vectors of {width} numbers; 1 to {_WIDEST} are read")
                start = stream.tell()
                binary = not _is_text(stream.readline(_LINE), width)
                stream.seek(start)
                return _read(file, stream, min(count, most), width, binary=binary)
            stream.seek(0)
            return _read(file, stream, most, len(first) - 1, binary=False, whole=False)
    except OSError as error:
        raise AssetError(f"{file}: cannot be read: {error.strerror or error}") from error


def write_word_vectors(path: Path, words: Sequence[str], vectors_VD: NDArray[np.float32]) -> None:
    """Write word2vec's text form: a line `V D`, then a line per word."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f"{len(words)} {vectors_VD.shape[1]}\n")
        for word, vector_D in zip(words, vectors_VD, strict=True):
            stream.write(f"{word} {' '.join(format(float(x), '.9g') for x in vector_D)}\n")


def _is_text(line: bytes, width: int) -> bool:
    parts = line.split()
    try:
        return len(parts) > width and bool([float(part) for part in parts[-width:]])
    except ValueError:
        return False


def _read(
    file: Path, stream: BufferedReader, count: int, width: int, *, binary: bool, whole: bool = True
) -> tuple[list[str], NDArray[np.float32]]:
    """Read `count` words, or, where the file does not say how many there are (`whole` False), as many as come."""
    if not 1 <= width <= _WIDEST:
        raise AssetError(f"{file}: neither word2vec's form nor GloVe's: line 1 is not a word and its numbers")
    words: dict[str, None] = {}
    rows: list[NDArray[np.float32]] = []
    for number in range(1, count + 1):
        if not whole and not stream.peek(1):
            break
        found = _binary(stream, width) if binary else _text(stream, width)
        if found is None or not np.isfinite(found[1]).all():
            of = f" of {count}" if whole else ""
            raise AssetError(f"{file}: word {number}{of} has no {width} numbers")
        if found[0] not in words:
            words[found[0]] = None
            rows.append(found[1])
    if not rows:
        raise AssetError(f"{file}: no words in it")
    return list(words), np.stack(rows)


def _text(stream: BufferedReader, width: int) -> tuple[str, NDArray[np.float32]] | None:
    # Words of GloVe's largest files hold spaces: numbers are counted from the end.
    parts = stream.readline(_LINE).rstrip(b"\r\n ").split(b" ")
    try:
        row_D = np.array([float(part) for part in parts[-width:]], np.float32)
    except ValueError:
        return None
    word = b" ".join(parts[:-width]).decode("utf-8", "replace")
    return (word, row_D) if word and len(row_D) == width else None


def _binary(stream: BufferedReader, width: int) -> tuple[str, NDArray[np.float32]] | None:
    word = bytearray()
    while (byte := stream.read(1)) != b" ":
        if not byte or len(word) > _LONGEST_WORD:
            return None
        if byte != b"\n":  # the original program ends each vector with a line break, others do not
            word += byte
    data = stream.read(4 * width)
    return (word.decode("utf-8", "replace"), np.frombuffer(data, "<f4").copy()) if len(data) == 4 * width else None
