"""`mmx demo`: which run it serves, and where."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import mmx.cli.demo as module
import mmx.runs.caveats
from mmx.runs import prediction
from mmx.sharing import demo
from tests.core.saved import saved


def test_it_serves_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    built = SimpleNamespace(experiment=SimpleNamespace(summary="Name shapes"))
    monkeypatch.setattr(module, "open_catalog", lambda ctx: SimpleNamespace(plugins=None))
    monkeypatch.setattr(prediction, "open_run", lambda catalog, folder: built)
    monkeypatch.setattr(mmx.runs.caveats, "caveats", lambda plugins, experiment: ["not for medicine"])
    monkeypatch.setattr(demo, "page", lambda *given: given)
    monkeypatch.setattr(demo, "launch", lambda made, port: served.append((made, port)))
    folder = saved(tmp_path / "runs" / "shapes" / "1", [])
    done = CliRunner().invoke(module.command, [str(folder), "--port", "7999"])
    assert done.exit_code == 0, done.output
    assert served == [((built, "Name shapes", ["not for medicine"]), 7999)]
