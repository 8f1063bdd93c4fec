"""The price of importing a plugin, measured in a new process."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.testing.light import check_import


@pytest.mark.parametrize(
    ("source", "ok", "detail"),
    [
        ("from mmx import Card, hookimpl", True, "ms of CPU time, without torch, numpy"),
        ("print('noise')", True, "ms of CPU time"),
        ("import numpy", False, "imports numpy; move it into the functions that need it"),
        ("sum(range(10_000_000))", False, "ms of CPU time, not under 10"),
        ("import time; time.sleep(0.5)", False, "it waits for something"),
        ("import time; time.sleep(0.05)", True, "ms of CPU time"),
        ("raise ValueError('no')", False, "ValueError: no"),
    ],
)
def test_imports(source: str, ok: bool, detail: str, tmp_path: Path) -> None:
    (tmp_path / "mmx_light").mkdir()
    (tmp_path / "mmx_light" / "__init__.py").write_text(source)
    (finding,) = check_import("mmx_light", tmp_path)
    assert (finding.ok, detail in finding.detail) == (ok, True), finding
