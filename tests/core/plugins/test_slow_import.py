"""Who keeps the user waiting is named, once, and only after a while."""

from __future__ import annotations

import threading
import time
from contextlib import redirect_stderr
from io import StringIO

import pytest

from mmx.plugins.slow_import import Patience


def test_what_takes_long_is_named_once() -> None:
    with redirect_stderr(StringIO()) as said, Patience("leave out {name}", seconds=0.02) as patience:
        for name in ("slow", "slower"):
            patience.on(name, f"plugin {name}")
            while f"leave out {name}\n" not in said.getvalue():
                time.sleep(0.01)
            time.sleep(0.1)  # long enough to name it again
    assert said.getvalue() == ("waiting for plugin slow; leave out slow\nwaiting for plugin slower; leave out slower\n")


def test_what_is_quick_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with Patience("leave out {name}", seconds=60) as patience:
        patience.on("quick", "plugin quick")
    assert capsys.readouterr().err == ""
    assert "mmx-patience" not in [thread.name for thread in threading.enumerate()]


def test_an_error_ends_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), Patience("", seconds=60):
        raise KeyboardInterrupt
    assert "mmx-patience" not in [thread.name for thread in threading.enumerate()]
