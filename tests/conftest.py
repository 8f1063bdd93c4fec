"""Shared by all tests: no network, no user cache, one thread, fixed seeds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmx  # noqa: F401 (before torchaudio and torchvision, which need its compatibility shims)

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: tests of Ctrl-C need it back
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # started with nohup: tests of a closed terminal need it back
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep every test out of the user's cache, tracking server and plugin switches."""
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    for name in ("MLFLOW_TRACKING_URI", "MMX_PLUGINS", "MMX_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Refuse a fixture that leaves the current folder changed: tests that follow would start there."""
    here = os.getcwd()  # noqa: PTH109  # may be gone
    if here != str(item.config.rootpath):
        os.chdir(item.config.rootpath)
        pytest.fail(f"left the current folder changed: {here}")
