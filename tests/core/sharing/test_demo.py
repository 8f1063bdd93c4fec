"""The demo page: built from a run's fields, on this machine only."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import pytest

import mmx
from mmx import DataError, LoadedRun, UserError
from mmx.sharing import demo


def test_the_answer_to_what_was_given(trained: LoadedRun, tmp_path: Path) -> None:
    file = str(mmx.write_image(tmp_path / "a.png", trained.corpus("test")[0].fields["image"]))
    wanted = trained.predict(file)._repr_html_()
    assert demo.respond(trained.built, {"image": file}) == wanted
    for nothing in (None, ""):
        with pytest.raises(DataError, match="nothing to predict from"):
            demo.respond(trained.built, {"image": nothing})


def test_it_needs_an_extra(trained: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"pip install 'mmx\[demo\]'"):
        demo.page(trained.built, "t", [])


def test_the_page_answers_on_this_machine_only(trained: LoadedRun, tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    client = pytest.importorskip("gradio_client")
    file = str(mmx.write_image(tmp_path / "a.png", trained.corpus("test")[0].fields["image"]))
    made = demo.page(trained.built, "Name shapes", ["not for medicine"])
    address = demo.launch(made, block=False)
    try:
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as reply:
            assert reply.headers["content-security-policy"].startswith("default-src 'self'")
            content = reply.read().decode()
        assert "not for medicine" in content and "fonts.googleapis" not in content
        asked = client.Client(address, verbose=False)
        assert asked.predict(client.handle_file(file), api_name="/predict") == demo.respond(
            trained.built, {"image": file}
        )
    finally:
        made.close()
