"""The page of moments: whole, and safe for any file name and query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx_hero.predict.page import Moment, clock, page


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.04, "0:00.0"), (59.96, "1:00.0"), (83.5, "1:23.5"), (3723.5, "1:02:03.5")]
)
def test_times(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def test_a_page_holds_its_pictures_and_escapes_everything(tmp_path: Path) -> None:
    moment = Moment(tmp_path / "<b>film.mp4", 3.0, 6.0, 0.25, 0.5)
    html = page("<script>alert(1)</script>", [(moment, [np.zeros((10, 20, 3), np.uint8)])], tmp_path, ["a & b"])
    assert "<script>" not in html
    assert "&lt;b&gt;film.mp4" in html
    assert "a &amp; b" in html
    assert html.count("data:image/jpeg;base64,") == 1
    assert "0:03.0 to 0:06.0" in html
    assert "http" not in html, "nothing is loaded from anywhere"
    assert "Nothing was found" in page("x", [], tmp_path, [])
