"""`mmx open`: which page is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.cli import main
from mmx.types import Metric
from tests.core.saved import saved


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    found: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: found.append(address) or True)
    return found


def test_the_report_of_a_run_or_the_page_over_all(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (saved(tmp_path / "runs" / "shapes" / "1") / "report.html").touch()
    assert main(["open", "shapes"]) == 0
    assert main(["open"]) == 0
    assert opened == [(tmp_path / "runs" / name).as_uri() for name in ("shapes/1/report.html", "index.html")]
    assert main(["open", "shapes", "--print"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "runs/shapes/1/report.html"
    assert len(opened) == 2


def test_what_has_no_page_is_told(tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open"]) == 2
    assert "no runs in runs yet; start one: mmx run NAME" in capsys.readouterr().err
    saved(tmp_path / "runs" / "shapes" / "1", status="failed")
    assert main(["open", "shapes"]) == 2
    assert (
        "shapes/1 has no report: it is failed; where its training is complete: mmx eval shapes/1"
        in capsys.readouterr().err
    )
    assert opened == []


def test_a_page_is_written_from_the_numbers_where_there_are_only_these(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "runs" / "shapes" / "1", [Metric("accuracy", 0.5, chance=0.1)])
    assert main(["open", "shapes"]) == 0
    assert opened == [(folder / "report.html").as_uri()] and "accuracy" in (folder / "report.html").read_text()
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    assert main(["open", "soundnet"]) == 0  # the run that comes with the plugin; nothing is written into the package
    page = tmp_path / "cache" / "reports" / "soundnet.html"
    assert opened[1:] == [page.as_uri()] and "SoundNet" in page.read_text()
    assert "run: soundnet as it comes with mmx" in capsys.readouterr().err
