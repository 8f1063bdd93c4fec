from __future__ import annotations

import hashlib
import json
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx_worlds.real import index

LICENCES = (index.FOLDER / index.LICENCES).read_text(encoding="utf-8")


def test_the_folder_holds_exactly_what_the_manifest_lists() -> None:
    found = {path.relative_to(index.FOLDER).as_posix() for path in index.FOLDER.rglob("*") if path.is_file()}
    assert found - {index.MANIFEST, index.LICENCES} == set(index.index())
    assert len(index.index()) == 745


def test_every_byte_is_what_the_manifest_promises() -> None:
    for media in index.index().values():
        content = (index.FOLDER / media.file).read_bytes()
        assert len(content) == media.bytes, media.file
        assert hashlib.sha256(content).hexdigest() == media.sha256, media.file


def test_every_file_has_terms_and_origin() -> None:
    allowed = {"Public domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0"}
    for media in index.index().values():
        assert media.licence in allowed, media.file
        assert media.author and media.source and media.via, media.file
        if media.kind != "speech":
            assert media.label and media.caption, media.file


def test_the_licence_table_counts_what_is_there() -> None:
    counted = Counter((media.kind, media.licence) for media in index.index().values())
    stated = {}
    for line in LICENCES.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] in {media.kind for media in index.index().values()} and words[-1].isdigit():
            stated[words[0], " ".join(words[1:-1])] = int(words[-1])
    assert stated == counted


def test_every_file_that_needs_attribution_has_it() -> None:
    section = LICENCES.split("Attribution that must be kept")[1].split("How sure is it")[0]
    credits = dict(line.split(": ", 1) for line in section.splitlines() if "CC-BY" in line and ": " in line)
    for media in index.index().values():
        if media.licence.startswith("CC-BY"):
            lines = [credit for pattern, credit in credits.items() if fnmatch(media.file, pattern)]
            assert len(lines) == 1, media.file
            assert media.licence in lines[0], media.file
            assert media.author.split(" (")[0].split()[0] in lines[0], media.file


def test_images_and_recordings_decode_as_documented() -> None:
    for media in index.of_kind("photo", "clipart"):
        pixels_HWC = index.image(media.file)
        assert pixels_HWC.dtype == np.uint8 and pixels_HWC.ndim == 3 and pixels_HWC.shape[2] == 3
    for media in index.of_kind("sound", "music", "speech"):
        audio = index.audio(media.file)
        assert audio.samples_CT.dtype == np.float32 and audio.samples_CT.shape[0] == 1
        assert np.isfinite(audio.samples_CT).all() and np.abs(audio.samples_CT).max() <= 1
        assert audio.seconds == pytest.approx(media.seconds, abs=0.02), media.file


def test_decoded_media_are_kept_and_protected() -> None:
    first = index.of_kind("photo")[0].file
    assert index.image(first) is index.image(first)
    with pytest.raises(ValueError, match="read-only"):
        index.image(first)[0, 0, 0] = 1


def row(**changes: object) -> str:
    names = ("file", "kind", "modality", "licence", "author", "source", "via", "sha256")
    return json.dumps({**dict.fromkeys(names, "x"), "file": "a.ogg", "bytes": 1, **changes})


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["{"], ":1: not a media line"),
        ([row(), row()], ":2: 'a.ogg' is listed twice"),
        ([row(file="../a.ogg")], "leads out of the media folder"),
        ([row(file="/a.ogg")], "leads out of the media folder"),
        (['{"file": "a.ogg"}'], "not a media line"),
        (["[]"], "not a media line"),
    ],
)
def test_a_damaged_manifest_is_named_with_its_line(tmp_path: Path, lines: list[str], complaint: str) -> None:
    (tmp_path / index.MANIFEST).write_text("\n".join(lines))
    with pytest.raises(DataError, match=complaint):
        index.read_manifest(tmp_path)


def test_a_missing_manifest_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the list"):
        index.read_manifest(tmp_path)


def test_changed_and_missing_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media = index.of_kind("sound")[0]
    target = tmp_path / media.file
    target.parent.mkdir()
    monkeypatch.setattr(index, "FOLDER", tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        index.checked_path(media.file)
    target.write_bytes(b"\0" * media.bytes)
    with pytest.raises(DataError, match="content differs"):
        index.checked_path(media.file)


def test_unknown_files_are_answered_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"did you mean 'sounds/misc_crow\.ogg'"):
        index.lookup("sounds/misc_crown.ogg")


def test_a_digest_changes_with_files_and_facts() -> None:
    one, two = (media.file for media in index.of_kind("music")[:2])
    digests = [
        index.digest(*facts) for facts in (([one],), ([one, two],), ([two],), ([one], 1), ([one], 2), ([one], "1"))
    ]
    assert len(set(digests)) == len(digests)
    assert index.digest([one, two]) == index.digest([two, one, two])
    assert all(len(digest) <= 36 for digest in digests)
