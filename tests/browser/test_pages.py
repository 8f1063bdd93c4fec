"""Our own pages in a browser: the report, the index of runs, the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mmx.cli import main
from mmx.runs.index import write_index
from tests.browser.conftest import PAPER, Runs

WIDTHS = (390, 1280, 1920)
CONTRAST = 4.5
"""Of text with its background, at least: WCAG 2.2, 1.4.3 (AA)."""

UNFOLD = "() => document.querySelectorAll('details').forEach((each) => { each.open = true; })"
FAINT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(each).backgroundColor);
      if (a > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || ["SCRIPT", "STYLE", "title"].includes(element.tagName) || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const colour = parse(element.tagName === "text" ? style.fill : style.color).slice(0, 3);
    const [a, b] = [light(colour), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < LEAST) found.push([contrast, element.tagName, element.textContent.trim().slice(0, 40)]);
  }
  return found;
}""".replace("LEAST", str(CONTRAST))
"""Script that returns the texts that stand out too little from what is behind them."""
THIN = """() => [...document.querySelectorAll("th, td, figcaption")]
  .filter((each) => each.textContent.trim().length > 5 && each.getClientRects().length && each.clientWidth < 40)
  .map((each) => each.textContent)"""
"""Script that returns the words that stand one letter below the other."""


@pytest.fixture(scope="package")
def pages(runs: Runs) -> Mapping[str, Path]:
    """The three pages by name."""
    index = write_index(runs.folder)
    comparison = runs.folder / "compare.html"
    code = main(["compare", str(runs.first.folder), str(runs.second.folder), "--html", str(comparison)])
    assert code == 0 and index is not None
    return {"report": runs.first.folder / "report.html", "index": index, "compare": comparison}


@pytest.mark.parametrize("name", ["report", "index", "compare"])
def test_nothing_is_fetched_and_nothing_overflows(pages: Mapping[str, Path], watch: Any, name: str) -> None:
    for width in WIDTHS:
        watched = watch(pages[name].as_uri(), width=width)
        assert watched.page.locator("h1").is_visible()
        for unfolded in (False, True):
            if unfolded:
                watched.page.evaluate(UNFOLD)
            wide = watched.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} at {width} px is {wide} px wide"
            assert watched.page.evaluate(THIN) == []
        broken = watched.page.evaluate(
            "[...document.images].filter((each) => !each.naturalWidth).map((each) => each.alt)"
        )
        assert (watched.foreign, watched.errors, broken) == ([], [], [])


@pytest.mark.parametrize("name", ["report", "index", "compare"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(
    pages: Mapping[str, Path], watch: Any, name: str, scheme: str
) -> None:
    page = watch(pages[name].as_uri(), scheme=scheme).page
    page.evaluate(UNFOLD)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert light < 64 if scheme == "dark" else light > 192
    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("name", ["report", "compare"])
def test_a_click_enlarges_an_image(pages: Mapping[str, Path], watch: Any, name: str) -> None:
    page = watch(pages[name].as_uri()).page
    image = page.locator("button.zoom img").first
    before = image.bounding_box()["width"]
    image.click()
    large = page.locator("dialog.large img")
    box = large.bounding_box()
    assert box["width"] > before and box["width"] >= large.evaluate("(each) => each.naturalWidth")
    large.click()
    assert not page.locator("dialog.large").is_visible()
    page.locator("button.zoom").first.press("Enter")
    page.keyboard.press("Escape")
    assert not page.locator("dialog.large").is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_papers_number_stays_in_sight(pages: Mapping[str, Path], watch: Any, width: int) -> None:
    page = watch(pages["report"].as_uri(), width=width).page
    page.locator("summary", has_text="metrics in full").click()
    row = page.locator("table.metrics tr.primary")
    own, paper = row.locator("td").nth(0), row.locator("td").nth(1)
    assert page.locator("table.metrics thead th").all_inner_texts()[1:3] == ["value", "paper"]
    assert str(PAPER.value) in paper.inner_text()
    page.evaluate("() => { const box = document.querySelector('.metrics').parentElement; box.scrollLeft = 1e6; }")
    seen = page.evaluate("document.querySelector('.metrics').parentElement.getBoundingClientRect().right")
    for cell in (own, paper):
        box = cell.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= seen + 1
        covered = cell.evaluate(
            "(cell) => { const at = cell.getBoundingClientRect();"
            " const top = document.elementFromPoint(at.x + at.width / 2, at.y + 12); return !cell.contains(top); }"
        )
        assert not covered


def test_headings_sort_and_words_filter(pages: Mapping[str, Path], runs: Runs, watch: Any) -> None:
    page = watch(pages["index"].as_uri()).page
    rows = page.locator("#items tbody tr")

    def seeds() -> list[str]:
        return [rows.nth(number).locator("td").nth(3).inner_text() for number in range(rows.count())]

    heading = page.locator("#items thead th", has_text="seed")
    for order, wanted in (("ascending", ["0", "1"]), ("descending", ["1", "0"])):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == order and seeds() == wanted
    page.locator("input[type=search]").fill(runs.second.folder.name)
    assert [row.is_visible() for row in rows.all()] == [True, False]
    assert page.locator("output").inner_text() == "1 found"
    page.locator("input[type=search]").fill("")
    page.locator("#items a", has_text=runs.first.folder.name).click()
    assert page.url == pages["report"].as_uri()
