"""The page of `mmx demo` in a browser: a file is dropped, and an answer appears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mmx
from mmx.sharing import demo
from tests.browser.conftest import Runs

UPLOAD = "input[type=file]"


def test_a_file_is_answered(runs: Runs, watch: Any, tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="no test of the demo: pip install 'mmx[demo]'")
    file = mmx.write_image(tmp_path / "a.png", runs.first.corpus("test")[0].fields["image"])
    wanted = [f"{row['class']}\t{row['probability']:.4g}" for row in runs.first.predict(file).rows]
    made = demo.page(runs.first.built, "Name shapes", ["not for medicine"])
    address = demo.launch(made, block=False).rstrip("/")
    try:
        watched = watch(address, own=(address, "data:", "blob:"))
        page = watched.page
        page.locator(UPLOAD).first.set_input_files(file)
        page.locator("img[src*='a.png'], img[src^='blob:']").first.wait_for()
        page.get_by_role("button", name="Submit").click()
        page.wait_for_function("(rows) => rows.every((row) => document.body.innerText.includes(row))", arg=wanted)
        assert "not for medicine" in page.inner_text("body")
        assert watched.foreign == []
    finally:
        made.close()
