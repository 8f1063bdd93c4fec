"""The page over all runs: one row each, links that work from where it lies, nothing taken for markup."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mmx.media.audio_image import write_image
from mmx.runs.history import note_start
from mmx.runs.index import update_index, write_index
from mmx.tracking.journal import Journal
from mmx.types import Metric
from tests.core.report.test_html import EVIL, Page
from tests.core.runs.test_history import ACCURACY
from tests.core.saved import saved


def test_each_run_has_a_row_with_verdict_image_and_losses(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    folder = saved(runs / "shapes" / "a b", [ACCURACY])
    (folder / "report.html").touch()
    write_image(folder / "thumbnail.png", np.zeros((4, 4, 3), np.uint8))
    journal = Journal(folder / "journal.jsonl")
    for step in range(3):
        journal.metrics(step, {"train/fit/loss": 3.0 - step, "train/fit/lr": 0.1})
    journal.close()
    saved(runs / "shapes" / "c", status="failed")
    page = write_index(runs)
    assert page == runs / "index.html"
    text = page.read_text()
    found = Page(text)
    assert text.count("<tr>") == 3
    assert [each["href"] for each in found.named("a")] == ["shapes/a%20b/report.html"]
    assert [(each["src"] or "")[:22] for each in found.named("img")] == ["data:image/png;base64,"]
    assert [each["aria-label"] for each in found.named("svg")] == ["train/fit/loss from 3 to 1"]
    assert "learned" in found.texts and "not judged" in found.texts and "failed" in found.texts
    assert all(each.get("scope") for each in found.named("th"))
    assert not re.search(r"@import|url\(|https?://", text), "it needs nothing from outside"


def test_nothing_of_a_run_becomes_markup(tmp_path: Path) -> None:
    folder = saved(tmp_path / "<b>" / "1", [Metric(EVIL, 0.5, chance=0.1, baselines={EVIL: 0.2})], verdict=EVIL)
    (folder / "tags.txt").write_text(EVIL)
    (folder / "report.html").touch()
    page = write_index(tmp_path)
    assert page is not None
    found = Page(page.read_text())
    assert len(found.named("script")) == 1 and found.named("b") == []
    assert found.named("a")[0]["href"] == "%3Cb%3E/1/report.html"


def test_the_page_goes_with_the_last_run_and_stays_out_of_other_folders(tmp_path: Path) -> None:
    folder = saved(tmp_path / "runs" / "shapes" / "1")
    update_index(folder)
    assert not (tmp_path / "runs" / "index.html").exists(), "no run was started there"
    note_start(tmp_path / "runs", folder)
    update_index(folder)
    assert (tmp_path / "runs" / "index.html").is_file()
    (folder / "config.yaml").unlink()
    assert write_index(tmp_path / "runs") is None
    assert not (tmp_path / "runs" / "index.html").exists()
