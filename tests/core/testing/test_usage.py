"""Whose experiment is it, and how does it use a component?"""

from __future__ import annotations

from pathlib import Path

from mmx.config.catalog import Catalog
from mmx.testing.usage import experiments_of, of_experiment, smallest, used_with
from tests.core.testing.packages import opened, package


def test_usage(tmp_path: Path) -> None:
    catalog = opened(package(tmp_path, "usage_idea"))
    assert experiments_of(catalog, "usage_idea") == ["usage_idea"]
    assert experiments_of(catalog, "worlds") == [], "data is everybody's"
    assert "soundnet" in experiments_of(catalog, "soundnet")
    assert "usage_idea" not in experiments_of(catalog, "std")
    small = smallest(catalog, "usage_idea")
    assert small.experiment.preset == "smoke"
    names = {part.use for part in of_experiment(small.experiment)}
    assert names >= {"worlds/shapes", "usage_idea/tower", "std/linear", "std/cross-entropy", "std/adam"}
    used = used_with(catalog, ["usage_idea"])
    assert used["usage_idea/tower"].experiment == "usage_idea"
    assert used["usage_idea/tower"].params["channels"] == 40
    assert used["worlds/shapes"].params["clips"] == 64, "the smoke preset counts"


def test_nested_components_are_found(tmp_path: Path) -> None:
    catalog = opened(package(tmp_path, "usage_two"))
    assert {"std/frames", "std/timm"} <= used_with(catalog, ["soundnet"]).keys()


def test_other_presets_are_looked_at_where_that_is_asked_for() -> None:
    catalog = Catalog.open(Path(__file__).parent)
    assert "soundnet/l2" not in used_with(catalog, ["soundnet"])
    assert "scenes" in used_with(catalog, ["soundnet"], everywhere=True)["soundnet/l2"].params
