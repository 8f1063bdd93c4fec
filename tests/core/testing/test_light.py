"""The price of importing a plugin, measured in a new process."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.plugins.guarded_import import release, restrict
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


def test_what_lies_beside_the_package_or_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mmx_light").mkdir()
    (tmp_path / "mmx_light" / "__init__.py").write_text("")
    for name in ("json", "time", "importlib", "pluggy", "packaging", "site", "typing_extensions"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    (finding,) = check_import("mmx_light", tmp_path)
    assert (finding.ok, (tmp_path / "ran").exists()) == (True, False), finding


def test_a_package_that_changed_since_it_was_trusted_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "mmx_light").mkdir()
    (tmp_path / "mmx_light" / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    restrict([tmp_path], {})
    try:
        (finding,) = check_import("mmx_light", tmp_path)
    finally:
        release([tmp_path])
    assert (finding.ok, (tmp_path / "ran").exists()) == (False, False)
    assert "is not what was trusted" in finding.detail
