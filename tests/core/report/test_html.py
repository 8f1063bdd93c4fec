from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.media.audio_image import read_image
from mmx.report import inline_media
from mmx.report.write import write_report
from mmx.support.run_files import JOURNAL
from mmx.tracking.journal import Journal
from mmx.types import Audio, Card, Clip, Figure, Metric, PaperValue, Report
from tests.core.report.test_write import FACTS, media

EVIL = "<script>alert('x')</script>\"' onload=alert(1) &amp; <img src=x onerror=alert(1)>"
VOID = {"meta", "img", "input", "br", "link", "path", "rect"}


class Page(HTMLParser):
    """Collects tags, attributes and texts, and checks that elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def make(folder: Path, report: Report, **facts: Any) -> tuple[str, Page]:
    text = write_report(folder, report, **(FACTS | facts)).read_text()
    return text, Page(text)


def test_nothing_that_a_user_wrote_becomes_markup(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"note: {EVIL}\npassword: xyzzy\n")
    still = media()["still"]
    report = Report(
        [Metric(EVIL, 0.5, chance=0.1, controls={EVIL: 0.2}, references={EVIL: 1.0}, paper=PaperValue(1.0, EVIL))],
        1, 1, predictions=[{"id": EVIL, EVIL: EVIL, "list": [EVIL]}], notes=[EVIL],
        figures=[Figure("f", still, EVIL)],
        clips=[Clip("c", media()["audio"], EVIL), Clip("v", media()["video"], EVIL)],
    )  # fmt: skip
    card = Card(EVIL, EVIL, EVIL, authors=EVIL, url=f"javascript:{EVIL}", deviations=[EVIL], caveats=[EVIL])
    curves = {f"{EVIL}/loss": [(0, 1.0), (1, 0.5)], "b/c": [(0, 1.0), (1, 2.0)]}
    environment = {EVIL: EVIL, "git_commit": EVIL}
    text, page = make(
        tmp_path, report, experiment=EVIL, preset=EVIL, card=card, curves=curves, environment=environment, command=EVIL
    )
    assert len(page.named("script")) == 1
    assert [each for each in page.named("img") if not (each["src"] or "").startswith("data:image/png")] == []
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.named("a") == []
    assert "xyzzy" not in text
    assert "".join(page.texts).count("<script>alert('x')</script>") > 15
    text, _ = make(tmp_path, Report([], 1, 1, notes=["a \x1b[31mred\u202e \t\u2003name"]))
    assert "a \\x1b[31mred\\u202e \t\u2003name" in text


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    clips = [Clip(key, value, "") for key, value in media().items()]
    text, page = make(tmp_path, Report([Metric("a", 1.0, chance=0.5)], 1, 1, clips=clips))
    addresses = [attributes[key] or "" for _, attributes in page.tags for key in ("src", "href") if key in attributes]
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"@import|url\(|https?://", text)


def test_large_media_are_linked_instead_of_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline_media, "EMBED_ONE", 1000)
    _, page = make(tmp_path, Report([], 1, 1, clips=[Clip("sound", media()["audio"], "")]))
    assert page.named("audio")[0]["src"] == "media/sound.wav"


def test_media_share_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline_media, "EMBED_ALL", 20_000)
    clips = [Clip(f"sound{index}", media()["audio"], "") for index in range(3)]
    _, page = make(tmp_path, Report([], 1, 1, clips=clips))
    assert [(each["src"] or "")[:5] for each in page.named("audio")] == ["data:", "media", "media"]


def test_everything_that_is_seen_has_words(tmp_path: Path) -> None:
    report = Report(
        [Metric("a", 0.7, ci95=(0.6, 0.8), chance=0.5)], 1, 1, predictions=[{"id": "x"}],
        figures=[Figure("f", media()["still"], "A caption")], clips=[Clip("s", media()["audio"], "A sound")],
    )  # fmt: skip
    _, page = make(tmp_path, report, curves={"train/x/loss": [(0, 2.0), (9, 1.0)]})
    assert page.named("html")[0]["lang"] == "en"
    assert all(each.get("alt") for each in page.named("img"))
    assert all(each.get("aria-label") for each in page.named("svg") + page.named("audio"))
    assert all(each.get("scope") for each in page.named("th"))
    assert len(page.named("h1")) == 1
    assert "A caption" in "".join(page.texts)


def test_the_verdict_stands_on_top_with_its_reason(tmp_path: Path) -> None:
    good, page = make(tmp_path, Report([Metric("accuracy", 0.7, chance=0.5)], 1, 1))
    assert 'class="verdict good"' in good
    assert any(text.startswith("accuracy 0.7 (higher is better) beats chance 0.5.") for text in page.texts)
    bad, _ = make(tmp_path, Report([Metric("accuracy", 0.4, chance=0.5)], 1, 1))
    assert 'class="verdict bad"' in bad


def test_the_table_of_metrics_shows_every_number_beside_the_value(tmp_path: Path) -> None:
    metric = Metric(
        "accuracy", 0.5, chance=0.11, untrained=0.12, baselines={"linear": 0.13, "nearest": 0.14},
        controls={"shuffled": 0.15}, references={"oracle": 0.16}, paper=PaperValue(0.17, "all data"),
    )  # fmt: skip
    text, _ = make(tmp_path, Report([metric], 1, 1))
    table = text[text.index("<table class=metrics>") : text.index("</table>")]
    assert re.findall(r"<th scope=col>(.*?)</th>", table) == [
        "metric", "value", "paper", "chance level", "untrained", "baselines", "controls", "references",
    ]  # fmt: skip
    assert re.findall(r"<td data-of='[^']+'>(.*?)</td>", table)[1:] == [
        "0.17<br><small>all data</small>",
        "0.11", "0.12", "linear 0.13<br>nearest 0.14", "shuffled 0.15", "oracle 0.16",
    ]  # fmt: skip


def test_two_hundred_rows_of_predictions_are_shown(tmp_path: Path) -> None:
    rows = [{"truth": "a", "id": f"item-{index}", "score": np.float32(index), "none": None} for index in range(230)]
    text, page = make(tmp_path, Report([], 1, 1, predictions=rows))
    assert "item-199" in text
    assert "item-200" not in text
    assert "The first 200 of 230 items" in text
    assert len(page.named("input")) == 1
    assert re.search(r"<thead><tr><th scope=col>id</th><th scope=col>truth</th>", text)


def test_curves_come_from_the_journal_with_their_chance(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL)
    for step in range(5):
        journal.metrics(step, {"train/fit/loss": 3.0 - step, "train/fit/chance": 2.5, "train/fit/lr": 0.1 * step})
    journal.close()
    text, page = make(tmp_path, Report([], 1, 1))
    assert "chance 2.5" in page.texts
    assert "train/fit/lr" in text
    assert "train/fit/chance" not in text


def test_an_empty_report_is_still_a_page(tmp_path: Path) -> None:
    _, page = make(tmp_path, Report([], 0, 0), card=None, environment={})
    assert "no result" in page.texts


def test_caveats_have_a_section_of_their_own(tmp_path: Path) -> None:
    text, page = make(tmp_path, Report([], 0, 0), caveats=["It identifies nobody.", EVIL])
    assert "It identifies nobody." in page.texts
    assert "Caveats: what it must not be used or trusted for" in page.texts
    assert EVIL not in text
    assert "Caveats: what it must not be used or trusted for" not in make(tmp_path / "none", Report([], 0, 0))[1].texts


def test_sections_come_in_the_order_of_a_readers_questions(tmp_path: Path) -> None:
    still, sound = media()["still"], media()["audio"]
    report = Report(
        [Metric("accuracy", 0.7, chance=0.5), Metric("loss", 1.0, "lower", chance=2.0)], 1, 1,
        predictions=[{"id": "x"}], notes=["A note."], figures=[Figure("matrix", still, "All")],
        clips=[Clip("voice_0", sound, "Heard"), Clip("face_0", still, "Seen")],
    )  # fmt: skip
    text, page = make(tmp_path, report, curves={"train/x/loss": [(0, 2.0), (9, 1.0)]}, caveats=["Not for this."])
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles[:9] == [
        "What it does", "accuracy", "2 metrics in full", "Notes", "Learning curves", "Figures", "Predictions by item",
        "Caveats: what it must not be used or trusted for", "Source",
    ]  # fmt: skip
    assert text.index("Heard") < text.index("Seen") < text.index("<h2>accuracy") < text.index("All</figcaption>")
    assert [each["href"] for each in page.named("a")] == ["#caveats"]
    assert "<section id=caveats>" in text
    assert len([each for each in page.named("button") if each.get("class") == "zoom"]) == 2


def test_a_caveat_is_told_once(tmp_path: Path) -> None:
    card = Card("A", "B", "MIT", caveats=["Not for this.", "Of the data."])
    text, _ = make(tmp_path, Report([], 0, 0), card=card, caveats=["Not for this."])
    assert text.count("Not for this.") == 1
    assert text.count("Of the data.") == 1


def test_the_length_of_a_sound_is_told(tmp_path: Path) -> None:
    text, _ = make(
        tmp_path, Report([], 1, 1, clips=[Clip("s", Audio(np.zeros((1, 2800), np.float32), 8000), "A sound")])
    )
    assert "A sound <small>0.35 s</small>" in text


def test_cells_of_structures_are_readable(tmp_path: Path) -> None:
    deep = {"a": {"b": {"c": [1]}}}
    rows = [{"id": "x", "recipe": {"clips": [7, 0], "noise": None}, "deep": deep, "long": list(range(40))}]
    text, _ = make(tmp_path, Report([], 1, 1, predictions=rows))
    assert "<dl><dt>clips</dt><dd>7, 0</dd><dt>noise</dt><dd></dd></dl>" in text
    assert "{&quot;c&quot;: [1]}" in text
    assert "[0, 1, 2, 3" in text


def test_a_thumbnail_is_left_for_lists(tmp_path: Path) -> None:
    wide, still = np.zeros((30, 400, 3), np.uint8), media()["still"]
    report = Report([], 1, 1, figures=[Figure("matrix", still, "")], clips=[Clip("face_0", wide, "")])
    make(tmp_path, report)
    assert read_image(tmp_path / "thumbnail.png").shape == (12, 160, 3), "of an item, before figures"
    make(tmp_path / "none", Report([], 1, 1))
    assert not (tmp_path / "none" / "thumbnail.png").exists()
