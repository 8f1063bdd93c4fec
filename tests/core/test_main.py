"""`python -m mmx` is the command."""

from __future__ import annotations

from pathlib import Path

import mmx
from tests.core.distributions import python


def test_module_runs_the_command_line(tmp_path: Path) -> None:
    result = python(None, "-m", "mmx", "--version", cwd=tmp_path)
    assert (result.stdout, result.returncode) == (f"mmx {mmx.__version__}\n", 0)
    assert python(None, "-m", "mmx", "--nope", cwd=tmp_path).returncode == 2
