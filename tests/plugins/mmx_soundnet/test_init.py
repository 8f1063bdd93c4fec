"""The plugin's front door."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mmx_soundnet
from mmx.model.build import INTERFACES
from mmx.registry.registry import Registrar, Registry
from mmx.registry.schema import signature


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = Registry()
    mmx_soundnet.mmx_register(Registrar(registry, "soundnet", "mmx 0"))
    return registry


def test_every_component_can_be_loaded_and_describes_itself(registry: Registry) -> None:
    entries = list(registry.entries())
    assert {entry.kind for entry in entries} == set(INTERFACES) - {"corpus", "fuser", "balance"}
    for entry in entries:
        assert callable(entry.load())
        known = signature(entry.target)
        assert known.summary.endswith(".")
        for name, parameter in known.params.items():
            assert parameter.help or parameter.filled or parameter.kind, f"{entry.name}: {name} has no help"


def test_the_asset_is_pinned(registry: Registry) -> None:
    asset = registry.assets["soundnet/sound8"]
    assert (asset.package, asset.version) == ("soundnet", "0.1.2")
    assert len(asset.sha256) == 64
    module, _, function = asset.convert.partition(":")
    __import__(module)
    assert callable(getattr(sys.modules[module], function))


def test_the_card_is_complete() -> None:
    card = mmx_soundnet.CARD
    assert card.authors
    assert card.year == 2016
    assert card.url.startswith("https://arxiv.org/")
    assert card.licence
    assert card.deviations
    assert card.caveats


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, mmx_soundnet; print([m for m in ('torch', 'numpy', 'sklearn', 'pydantic') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
