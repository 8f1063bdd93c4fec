"""A folder of installed plugins, and short ways to load and look them up."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmx.plugins.loader import PluginRecord, Plugins, load_plugins
from tests.core.distributions import HEALTHY, install


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path with one healthy plugin; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    install(folder, "healthy", HEALTHY)
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("mmx_"):
            del sys.modules[name]


def load(**options: Any) -> Plugins:
    return load_plugins(environ={}, **options)


def record(plugins: Plugins, name: str) -> PluginRecord:
    (found,) = [item for item in plugins.records if item.name == name]
    return found


def assert_others_work(plugins: Plugins) -> None:
    assert record(plugins, "healthy").state == "ok"
    assert plugins.registry.lookup("encoder", "healthy/plain").distribution == "mmx-healthy 1.0"
    assert record(plugins, "std").state == "ok"


def hooks(body: str) -> str:
    return "from mmx import hookimpl\n" + textwrap.dedent(body)
