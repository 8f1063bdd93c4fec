from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import DataError
from mmx_std.corpora.shards import index as shard_index
from mmx_std.corpora.shards.index import index_shard, scan


def add(archive: tarfile.TarFile, name: str, content: bytes = b"data", kind: bytes = tarfile.REGTYPE) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type = (len(content) if kind == tarfile.REGTYPE else 0), kind
    info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    archive.addfile(info, io.BytesIO(content))


def make_shard(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        add(archive, "0.wav", b"first")
        add(archive, "0.json", b'{"id": "a"}')
        add(archive, "deep/1.wav", b"second")
    return path


def test_members_are_found_where_they_are(tmp_path: Path) -> None:
    index = scan(make_shard(tmp_path / "s.tar"))
    content = (tmp_path / "s.tar").read_bytes()
    found = {name: content[offset : offset + size] for name, (offset, size) in index.members.items()}
    assert found == {"0.wav": b"first", "0.json": b'{"id": "a"}', "deep/1.wav": b"second"}
    assert index.texts == {"0.json": '{"id": "a"}'}
    assert (index.ignored, index.fault) == (0, "")


@pytest.mark.parametrize("cut", [0, 288, 512])
def test_an_archive_that_is_cut_off_is_told(tmp_path: Path, cut: int) -> None:
    """Between two members, within a header, and behind one."""
    whole = make_shard(tmp_path / "s.tar").read_bytes()
    (tmp_path / "s.tar").write_bytes(whole[: 2 * 1024 + cut])  # header and content of two members
    index = scan(tmp_path / "s.tar")
    assert list(index.members) == ["0.wav", "0.json"]
    assert "s.tar: the archive is cut off after 2 members: it has no end mark" in index.fault or cut == 512
    assert index.fault


def test_names_of_windows_are_names_in_folders(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, "train\\0.wav")
        add(archive, "train\\0.txt", b"words")
    index = scan(tmp_path / "s.tar")
    assert list(index.members) == ["train/0.wav", "train/0.txt"]
    assert (index.texts, index.ignored) == ({"train/0.txt": "words"}, 0)


def test_hostile_members_are_ignored_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_index, "MAX_MEMBER", 100)
    monkeypatch.setattr(shard_index, "MAX_TEXT", 10)
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        add(archive, "good.wav")
        hostile = [
            ("../up.wav", tarfile.REGTYPE), ("/abs.wav", tarfile.REGTYPE), ("a/../../b.wav", tarfile.REGTYPE),
            ("link.wav", tarfile.SYMTYPE), ("hard.wav", tarfile.LNKTYPE), ("device.wav", tarfile.CHRTYPE),
            ("pipe.wav", tarfile.FIFOTYPE), ("folder.wav", tarfile.DIRTYPE), ("\x1b[31mred.wav", tarfile.REGTYPE),
            ("..\\slash.wav", tarfile.REGTYPE), ("noextension", tarfile.REGTYPE), (".hidden", tarfile.REGTYPE),
            ("x" * 300 + ".wav", tarfile.REGTYPE), ("good.wav", tarfile.REGTYPE),
        ]  # fmt: skip
        for name, kind in hostile:
            add(archive, name, kind=kind)
        add(archive, "large.wav", b"x" * 101)
        add(archive, "long.txt", b"x" * 11)
        add(archive, "last.wav")
    index = scan(tmp_path / "s.tar")
    assert list(index.members) == ["good.wav", "last.wav"]
    assert index.ignored == len(hostile) + 2


def test_a_damaged_archive_keeps_the_members_before(tmp_path: Path) -> None:
    path = make_shard(tmp_path / "s.tar")
    path.write_bytes(path.read_bytes()[: 512 * 5])
    index = scan(path)
    assert list(index.members) == ["0.wav", "0.json"]
    (tmp_path / "n.tar").write_bytes(b"no archive at all" * 100)
    assert "damaged after 0 members" in scan(tmp_path / "n.tar").fault


def test_the_index_is_kept_and_made_again_when_the_shard_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_shard(tmp_path / "s.tar")
    first = index_shard(path)
    scans: list[Path] = []
    monkeypatch.setattr(shard_index, "scan", lambda path: scans.append(path) or scan(path))
    assert index_shard(path) == first
    assert scans == []
    with tarfile.open(path, "a") as archive:
        add(archive, "2.wav")
    assert "2.wav" in index_shard(path).members
    assert len(scans) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: {**kept, "members": [["0.wav", 0, 10**9]]},
        lambda kept: {**kept, "members": {"0.wav": 1}},
        lambda kept: {**kept, "members": [["0.wav", "x", 1]]},
        lambda kept: {**kept, "texts": 3},
        lambda kept: [],
        lambda kept: {key: value for key, value in kept.items() if key != "ignored"},
    ],
)
def test_an_index_that_was_tampered_with_is_not_used(tmp_path: Path, change: Callable[[Any], Any]) -> None:
    path = make_shard(tmp_path / "s.tar")
    expected = index_shard(path)
    kept = tmp_path / "s.tar.index.json"
    kept.write_text(json.dumps(change(json.loads(kept.read_text()))))
    assert index_shard(path) == expected
    kept.write_text("{broken")
    assert index_shard(path) == expected


def test_a_folder_that_cannot_be_written_costs_the_index_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, content: str, *, verbatim: bool = False) -> Path:
        raise PermissionError(path)

    monkeypatch.setattr(shard_index, "write_text", refuse)
    assert len(index_shard(make_shard(tmp_path / "s.tar")).members) == 3
    with pytest.raises(DataError, match="cannot be read"):
        index_shard(tmp_path / "none.tar")


HUGE = 10**30


@pytest.mark.parametrize(
    "change",
    [
        {"members": [["../../x.wav", 0, 1]], "texts": {}},
        {"members": [["/etc/x.wav", 0, 1]], "texts": {}},
        {"members": [["0.wav", HUGE, 1]], "texts": {}},
        {"members": [["0.wav", float("inf"), 1]], "texts": {}},
        {"members": [["0.wav", True, 1]], "texts": {}},
        {"members": [["0.wav", 0, 1], ["0.wav", 0, 1]], "texts": {}},
        {"members": 3},
        {"texts": {}},
        {"texts": {"0.json": "{}", "other.json": "{}"}},
        {"texts": {"0.json": 5}},
        {"texts": [["0.json", "{}"]]},
        {"ignored": float("inf")},
        {"ignored": -5},
        {"fault": "\x1b[31m"},
        {"fault": 3},
    ],
)
def test_an_index_that_nobody_can_have_read_from_the_shard_is_not_believed(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = make_shard(tmp_path / "s.tar")
    before = index_shard(path)
    kept = tmp_path / "s.tar.index.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **change}))
    assert index_shard(path) == before


def test_thousands_of_extended_headers_are_a_damaged_archive(tmp_path: Path) -> None:
    path = make_shard(tmp_path / "s.tar")
    header = tarfile.TarInfo("p")
    header.type, header.size = b"x", 16
    block = header.tobuf(tarfile.USTAR_FORMAT) + b"16 comment=xxxx\n".ljust(512, b"\0")
    end = scan(path).members["deep/1.wav"][0] + 512
    path.write_bytes(path.read_bytes()[:end] + block * 5000 + bytes(1024))
    index = scan(path)
    assert "too many extended headers in a row" in index.fault
    assert "0.wav" in index.members
