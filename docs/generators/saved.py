"""Where the saved results of an experiment are: in its paper's folder, or among the documentation if it has none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mmx.config.catalog import Catalog, ExperimentInfo
from mmx.config.sources import SHIPPED
from mmx.studies import results

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
PLUGINS = ROOT / "plugins"


@cache
def experiments() -> Mapping[str, ExperimentInfo]:
    """Return all experiments that come with mmx, by name."""
    return {each.name: each for each in Catalog.open(DOCS).experiments()}


def folder_of(plugin: str) -> Path:
    """Return the folder of one of our plugins."""
    return PLUGINS / f"mmx_{plugin}"


def place(name: str, preset: str = "default") -> Path:
    """Return where the result of an experiment's preset is kept, whether there is one or not.

    `plugins/mmx_hero/results/default.json` of `hero`, the experiment that has its plugin's name; `NAME-default.json`
    beside it of the plugin's others; `docs/results/NAME-default.json` of those in registry.yaml. `mmx prove
    --write` writes there.

    Raises:
        SystemExit: There is no such experiment.
    """
    if name not in experiments():
        raise SystemExit(f"docs/build.py: no experiment {name!r}; see: mmx ls")
    plugin = experiments()[name].plugin
    folder = DOCS if plugin == SHIPPED else folder_of(plugin)
    return folder / results.FOLDER / results.file_name(name, plugin, preset)


def saved(name: str, preset: str = "default") -> Mapping[str, Any] | None:
    """Return the saved `report.json` of an experiment's preset; None where there is none."""
    path = place(name, preset)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
