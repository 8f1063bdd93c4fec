"""One component by itself: with its own defaults, with a case, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mmx.config.catalog import Catalog
from mmx.registry.registry import Kind
from mmx.testing import Finding
from mmx.testing.parts import components
from mmx.testing.parts.components import check_component


def findings(kind: Kind, name: str, cases: Mapping[str, Mapping[str, Any]] | None = None) -> list[Finding]:
    catalog = Catalog.open(Path(__file__).parents[1])
    entry = catalog.plugins.registry.lookup(kind, name)
    return list(check_component(catalog, entry, [], cases or {}, {}))


def test_defaults_are_enough() -> None:
    for kind, name in (("fuser", "std/concat"), ("optimizer", "std/adam"), ("schedule", "std/cosine")):
        found = findings(kind, name)  # type: ignore[arg-type]
        assert len(found) > 1
        assert all(each.ok and not each.skipped for each in found), found


def test_what_needs_parameters_gets_a_case_or_is_skipped() -> None:
    (skipped,) = findings("schedule", "std/halving")
    assert skipped.skipped
    assert "needs every; give them: cases={'std/halving': {...}}" in skipped.detail
    assert [each.skipped for each in findings("schedule", "std/halving", {"std/halving": {"every": 2}})] == [False] * 2


def test_a_case_of_another_kind_with_the_same_name_is_not_meant() -> None:
    found = findings("schedule", "std/linear", {"std/linear": {"target": "label"}})
    assert all(each.ok for each in found), found
    head = findings("head", "std/linear", {"std/linear": {"target": "label"}})
    assert any(each.what.endswith("one finite prediction per sample") and each.ok for each in head)


def test_a_large_part_is_not_built_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "LARGE", 100)
    (skipped,) = findings("encoder", "std/audio-cnn")
    assert skipped.skipped
    assert "parameters by default; give a smaller case" in skipped.detail


def test_a_case_that_does_not_build_is_a_fault() -> None:
    (finding,) = findings("head", "std/linear", {"std/linear": {"out_dim": 3, "target": "label"}})
    assert not finding.ok


def test_an_objective_that_takes_its_size_from_another_part_is_skipped_with_where_to_check_it() -> None:
    catalog = Catalog.open(Path(__file__).parents[1])
    entry = catalog.plugins.registry.lookup("objective", "hero/captioning")
    (skipped,) = check_component(catalog, entry, ["hero"], {}, {})
    assert skipped.skipped
    assert "encoders.captions has none to take it from; give a number" in skipped.detail
    assert skipped.detail.endswith("check hero with its preset")


def test_an_objective_is_tried_on_random_values_of_its_ports() -> None:
    for name, case in (
        ("std/infonce", {"a": "audio", "b": "image"}),
        ("std/cross-entropy", {"head": "x", "target": "y"}),
    ):
        found = findings("objective", name, {name: case})
        assert [each.what.partition(": ")[2] for each in found] == [
            "builds",
            "gives a finite loss",
            "chance is the loss of a model that ignores its input",
        ]
        assert all(each.ok and not each.skipped for each in found), found


def test_an_objective_that_cannot_take_made_up_values_is_skipped() -> None:
    (_, skipped) = findings("objective", "soundnet/l2")
    assert skipped.skipped
    assert "check an experiment that has it" in skipped.detail
