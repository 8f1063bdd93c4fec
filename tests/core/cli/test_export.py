"""`mmx export`: what it asks for, and what it says that it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import mmx.cli.export as module
import mmx.sharing.export
from tests.core.saved import saved


def test_it_says_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def export(catalog: Any, run: Path, target: Path, *, onnx: bool, small: bool) -> Sequence[Path]:
        asked.append((run, target, onnx, small))
        target.mkdir()
        (target / "model.safetensors").write_bytes(bytes(1_500_000))
        return [target / "model.safetensors"]

    monkeypatch.setattr(mmx.sharing.export, "export", export)
    monkeypatch.setattr(module, "open_catalog", lambda ctx: None)
    monkeypatch.chdir(tmp_path)
    folder = saved(tmp_path / "runs" / "shapes" / "1", [])
    done = CliRunner().invoke(module.command, [str(folder), "--to", "out", "--onnx"])
    assert done.exit_code == 0, done.output
    assert done.output == "wrote out/model.safetensors (1.5 MB)\n"
    assert asked == [(folder, Path("out"), True, False)]
    assert CliRunner().invoke(module.command, [str(folder)]).exit_code == 2
