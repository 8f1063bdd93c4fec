"""Media in a page: embedded while there is room, then linked; every text escaped."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from mmx.report import inline_media
from mmx.report.inline_media import Embedder


def test_a_file_is_in_the_page_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG and so on")
    tag = Embedder().tag(path, 'a "cat" & <dog>', "media/a.png")
    assert tag.startswith('<img src="data:image/png;base64,')
    assert base64.b64decode(tag.partition("base64,")[2].partition('"')[0]) == path.read_bytes()
    assert 'alt="a &quot;cat&quot; &amp; &lt;dog&gt;"' in tag


@pytest.mark.parametrize(
    ("name", "tag", "kind"), [("a.wav", "<audio controls", "audio/wav"), ("a.mp4", "<video controls", "video/mp4")]
)
def test_audio_and_video_get_players(tmp_path: Path, name: str, tag: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    found = Embedder().tag(tmp_path / name, "label", "link")
    assert found.startswith(tag)
    assert f"data:{kind};base64," in found
    assert 'aria-label="label"' in found


def test_what_does_not_fit_is_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline_media, "EMBED_ONE", 10)
    monkeypatch.setattr(inline_media, "EMBED_ALL", 15)
    for name, size in (("large", 11), ("first", 10), ("second", 10), ("small", 5)):
        (tmp_path / f"{name}.png").write_bytes(b"x" * size)
    embedder = Embedder()
    tags = [
        embedder.tag(tmp_path / f"{name}.png", "", f"{name}&.png") for name in ("large", "first", "second", "small")
    ]
    assert ["data:" in tag for tag in tags] == [False, True, False, True]
    assert 'src="large&amp;.png"' in tags[0]
