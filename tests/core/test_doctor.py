"""Checks of the environment: one that raises has failed, the others still run."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmx import doctor
from mmx.doctor import examine
from mmx.plugins.loader import Plugins, load_plugins
from mmx.types import Check
from tests.core.distributions import HEALTHY, install

DOCTOR = (
    HEALTHY.replace("mmx_register", "mmx_unused")
    + """
    from mmx.types import Check

    @hookimpl
    def mmx_doctor():
        yield Check("healthy data", False, "not here", "mmx fetch healthy/data")
        {more}
"""
)


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import nothing heavy: stand-ins for all libraries."""
    real = importlib.import_module

    def fake(name: str, package: str | None = None) -> Any:
        if name in ("torchaudio", "torchvision", "timm", "transformers", "mlflow", "soundfile", "av"):
            module = ModuleType(name)
            module.__version__ = "9.9"  # type: ignore[attr-defined]
            return module
        return real(name, package)

    monkeypatch.setattr(doctor, "import_module", fake)


def checks(plugins: Plugins | None = None) -> dict[str, Check]:
    return {check.name: check for check in examine(plugins or load_plugins(environ={"MMX_PLUGINS": ""}))}


def test_all_is_well_here() -> None:
    found = checks()
    assert {"python", "torch", "torchaudio", "torchvision", "cache", "disk", "assets", "plugins"} <= set(found)
    assert [name for name, check in found.items() if not check.ok] == []
    assert found["timm"].detail == "9.9"
    assert "devices: cpu" in found["torch"].detail
    assert re.search(r"^\d+ threads? \(.+\), unless .*; they wait by \w", found["threads"].detail)


@pytest.mark.parametrize(
    "error", [OSError("libfoo.so: no such file"), RuntimeError("operator missing"), ImportError("x")]
)
def test_a_broken_library_is_one_failed_check(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(name: str) -> Any:
        if name == "timm":
            raise error
        return ModuleType(name)

    monkeypatch.setattr(doctor, "import_module", broken)
    found = checks()
    assert not found["timm"].ok
    assert str(error) in found["timm"].detail
    assert found["transformers"].ok


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(doctor, "import_module", missing)
    assert checks()["soundfile"].fix == "pip install soundfile"


def test_what_compat_did_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.compat, "status", lambda: {"torchaudio": "stub in place"})
    assert checks()["torchaudio"].detail == "9.9; stub in place"


def test_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "file"))
    assert not checks()["cache"].ok


def test_little_disk_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_GB", 1e9)
    assert not checks()["disk"].ok


def test_absent_assets_are_named_but_no_fault() -> None:
    from mmx.plugins.discovery import installed
    from tests.core.assets.test_store import ASSET

    ours = ",".join(entry.name for entry in installed() if entry.built_in)
    plugins = load_plugins(environ={"MMX_PLUGINS": "", "MMX_DISABLE_PLUGINS": ours})
    plugins.registry.add_asset("foo", ASSET)
    check = checks(plugins)["assets"]
    assert (check.ok, check.detail, check.fix) == (True, "0 of 1 here", "mmx fetch foo/weights")


def test_what_is_no_check_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from mmx import hookimpl\n@hookimpl\ndef mmx_doctor():\n    return 3\n"
    install(tmp_path, "odd", source)
    monkeypatch.syspath_prepend(tmp_path)
    found = checks(load_plugins(environ={"MMX_PLUGINS": "odd"}))
    sys.modules.pop("mmx_odd", None)
    assert (found["odd"].ok, found["odd"].detail) == (False, "mmx_doctor returned 3, no Check")


@pytest.mark.parametrize("more", ["", "raise ValueError('no')", "yield 'text'"])
def test_checks_of_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    install(tmp_path, "healthy", DOCTOR.replace("@hookimpl\n    def mmx_unused", "def unused").format(more=more))
    monkeypatch.syspath_prepend(tmp_path)
    found = checks(load_plugins(environ={"MMX_PLUGINS": "healthy"}))
    sys.modules.pop("mmx_healthy", None)
    if "raise" in more:
        assert "mmx_doctor: ValueError: no" in found["plugins"].detail
    else:
        assert found["healthy data"] == Check("healthy data", False, "not here", "mmx fetch healthy/data")
        assert found["plugins"].ok
    if "text" in more:
        assert "no Check" in found["healthy"].detail
