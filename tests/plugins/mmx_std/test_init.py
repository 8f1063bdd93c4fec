"""What the standard library registers: all of it loads, and naming it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mmx_std
from mmx.registry.registry import KINDS, Registrar, Registry
from mmx.registry.schema import signature


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    mmx_std.mmx_register(Registrar(registry, "std", "mmx 0"))
    return registry


def test_every_component_loads_and_has_a_summary(registry: Registry) -> None:
    for entry in registry.entries():
        assert callable(entry.load()), entry.name
        assert signature(entry.target).summary, entry.name
    assert {entry.kind for entry in registry.entries()} == set(KINDS)


def test_the_surface_is_imported_at_its_first_use() -> None:
    assert sorted(mmx_std.__all__) == list(mmx_std.__all__) == sorted(mmx_std._SURFACE)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mmx_std.nothing  # noqa: B018


@pytest.mark.parametrize("name", mmx_std.__all__)
def test_every_public_module_declares_its_names(name: str) -> None:
    module = getattr(mmx_std, name)
    assert module.__all__ and len(set(module.__all__)) == len(module.__all__)
    assert [each for each in module.__all__ if not hasattr(module, each) or each.startswith("_")] == []
    assert module.__doc__.partition("\n")[0].endswith(".")


def test_assets_are_pinned_and_licensed(registry: Registry) -> None:
    for asset in registry.assets.values():
        assert len(asset.sha256) == 64 and asset.licence and asset.source.startswith("https://")


def test_discovery_needs_no_heavy_library() -> None:
    code = "import mmx_std, sys; print([m for m in ('torch', 'numpy', 'transformers', 'timm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
