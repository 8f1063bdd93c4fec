"""Nothing is written while muted, everything after, whatever happens between."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mmx_std.ops.muted import muted


def test_standard_error_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with muted(), muted():
        os.write(2, b"hidden")
    with pytest.raises(ValueError, match="through"), muted():
        raise ValueError("through")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_a_closed_standard_error_is_no_fault() -> None:
    code = "import os; os.close(2); from mmx_std.ops.muted import muted\nwith muted(): print('in')"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"in\n"
