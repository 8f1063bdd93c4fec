"""The page of a comparison: what stands beside what, and that nothing in it is taken for markup."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mmx.media.audio_image import write_audio
from mmx.report import inline_media
from mmx.runs.history import Record, read_run
from mmx.studies.comparison_html import comparison_page
from mmx.tracking.journal import Journal
from mmx.types import Audio, Metric
from tests.core.saved import CONFIG, saved


def run(folder: Path, *files: str) -> Record:
    (folder / "media").mkdir(parents=True)
    for name in files:
        (folder / "media" / name).write_bytes(b"x" * 20)
    return read_run(saved(folder))


def cells(page: str) -> dict[str, list[str]]:
    """Name of a row -> its cells, without the tags around them."""
    found = re.findall(r"<tr><th scope=row[^>]*>(.*?)</th>(.*?)</tr>", page)
    return {name: re.findall(r"<td>(.*?)</td>", rest) for name, rest in found}


def test_media_of_one_name_stand_in_one_row(tmp_path: Path) -> None:
    records = [run(tmp_path / "a", "same.png", "one.wav"), run(tmp_path / "b", "same.png", "two.mp4", "notes.txt")]
    found = cells(comparison_page(["a", "b"], [], records, tmp_path / "page.html"))
    assert list(found) == ["one", "same", "two"]
    assert [cell.count("<img") for cell in found["same"]] == [1, 1]
    assert found["one"][1] == "-" and "<audio" in found["one"][0]
    assert found["two"][0] == "-" and "<video" in found["two"][1]


def test_tables_are_escaped_and_empty_ones_left_out(tmp_path: Path) -> None:
    tables = [("run", [["seed", "<1>", "2"], ["  beside the first", "", "+1"]]), ("differs", [])]
    page = comparison_page(["a&b", "c"], tables, [run(tmp_path / "a"), run(tmp_path / "b")], tmp_path / "page.html")
    assert cells(page) == {"seed": ["&lt;1&gt;", "2"], "beside the first": ["", "+1"]}
    assert "<th scope=col>a&amp;b</th>" in page
    assert "<h2>run</h2>" in page and "differs" not in page and "Pictures" not in page
    assert not re.search(r"@import|https?://", page), "it needs nothing from outside"


def test_what_does_not_fit_is_linked_from_where_the_page_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline_media, "EMBED_ONE", 10)
    records = [run(tmp_path / "runs of mine" / "a", "same.png"), run(tmp_path / "b", "same.png")]
    page = comparison_page(["a", "b"], [], records, tmp_path / "pages" / "page.html")
    assert re.findall(r'src="(.*?)"', page) == ["../runs%20of%20mine/a/media/same.png", "../b/media/same.png"]


def test_a_link_out_of_a_run_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    record = run(tmp_path / "a", "own.png")
    (tmp_path / "a" / "media" / "other.png").symlink_to(tmp_path / "secret.png")
    assert list(cells(comparison_page(["a"], [], [record], tmp_path / "page.html"))) == ["own"]
    (tmp_path / "a" / "media").rename(tmp_path / "elsewhere")
    (tmp_path / "a" / "media").symlink_to(tmp_path / "elsewhere")
    assert cells(comparison_page(["a"], [], [record], tmp_path / "page.html")) == {}
    (tmp_path / "latest").symlink_to(tmp_path / "b")
    run(tmp_path / "b", "own.png")
    by_link = read_run(tmp_path / "latest")
    assert list(cells(comparison_page(["a"], [], [by_link], tmp_path / "page.html"))) == ["own"]


def test_the_title_names_the_experiments_once(tmp_path: Path) -> None:
    other = read_run(saved(tmp_path / "o", config={**CONFIG, "name": "sounds"}))
    same = read_run(saved(tmp_path / "s"))
    page = comparison_page(["a", "b", "c"], [], [same, other, same], tmp_path / "page.html")
    assert "<h1>3 runs: shapes, sounds</h1>" in page


def test_reports_are_linked_bars_and_curves_drawn_and_captions_kept(tmp_path: Path) -> None:
    records = []
    for number, name in enumerate(("a", "b")):
        folder = saved(
            tmp_path / name, [Metric("accuracy", 0.5 + number / 4, chance=0.1)], media={"x.png": f"Told {name}"}
        )
        (folder / "media").mkdir()
        (folder / "media" / "x.png").write_bytes(b"x")
        write_audio(folder / "media" / "call.wav", Audio(np.zeros((1, 4000), np.float32), 8000))
        (folder / "report.html").touch()
        journal = Journal(folder / "journal.jsonl")
        for step in range(3):
            journal.metrics(step, {"train/fit/loss": 3.0 - step, "train/fit/lr": 0.1})
        journal.close()
        records.append(read_run(folder))
    page = comparison_page(["a", "b"], [("run", [["seed", "1", "2"]])], records, tmp_path / "page.html")
    assert re.findall(r'href="(.*?)"', page) == ["a/report.html", "b/report.html"]
    assert "accuracy, higher is better" in page and ">0.75</text>" in page
    assert page.count("<figure class=curve>") == 1
    assert len(re.findall(r'<path class="line', page)) == 2
    assert "<figcaption>Told a</figcaption>" in page and "<figcaption>Told b</figcaption>" in page
    assert page.count("<small>0.50 s</small>") == 2  # whose player shows 0:00
