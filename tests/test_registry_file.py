"""The front door, registry.yaml: its suites, and the experiments that wire parts of several papers.

Whether these work is tested with the plugins whose parts they wire (`test_every_plugin.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.config.catalog import Catalog, ExperimentInfo
from mmx.config.sources import SHIPPED
from mmx.testing.presets import check_presets

ROOT = Path(__file__).parents[1]
CATALOG = Catalog.open(ROOT / "docs")
OWN = [info for info in CATALOG.experiments() if info.plugin == SHIPPED]


def test_the_front_door_wires_several_papers() -> None:
    assert {"soundnet_ast", "mulan_collage", "vatt_soundnet"} <= {info.name for info in OWN}


def test_the_suite_of_the_card_is_the_papers_own_experiments() -> None:
    members = CATALOG.suite("card")
    by_name = {info.name: info for info in CATALOG.experiments()}
    assert len(members) == 6
    assert all(by_name[name].plugin == name and "smoke" in by_name[name].presets for name in members)


@pytest.mark.parametrize("name", [info.name for info in OWN])
def test_an_experiment_has_a_smoke_preset_and_a_control_and_every_preset_is_valid(name: str) -> None:
    (info,) = [info for info in OWN if info.name == name]
    assert info.summary and info.controls and "smoke" in info.presets
    assert [finding for finding in check_presets(CATALOG, name) if not finding.ok] == []
    parts = {value.partition("/")[0] for key, value in CATALOG.resolve(name).flat().items() if key.endswith("use")}
    assert len(parts) >= 3, "an experiment of one paper belongs into its folder"


@pytest.mark.parametrize("info", CATALOG.experiments(), ids=lambda info: info.name)
def test_every_preset_says_what_it_is_for(info: ExperimentInfo) -> None:
    assert [name for name in info.presets if not info.preset_summaries.get(name)] == []
