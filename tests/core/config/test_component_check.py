"""One part at a time."""

from __future__ import annotations

from typing import Any

import pytest

from mmx.config.component_check import PartChecker
from mmx.config.yaml_positions import Node, marks, node_of
from mmx.registry.registry import Kind
from tests.core.toys.catalog import toy_plugins


def check(value: Any, kind: Kind = "encoder", own: tuple[str, ...] = ()) -> tuple[Node, list[str]]:
    problems: list[str] = []
    checker = PartChecker(toy_plugins().registry, problems)
    return checker.part(node_of(value, "here"), kind, ("place",), own), problems


def test_a_bare_name_is_completed() -> None:
    node, problems = check("toy/mel")
    assert problems == []
    assert node.plain() == {"use": "toy/mel", "bands": 64, "rate": 16000}
    assert marks(node)["use"] == "here"
    assert marks(node)["bands"].startswith("default of toy/mel (parts.py:")


def test_own_keys_are_not_the_components() -> None:
    node, problems = check({"use": "toy/mel", "field": "f", "freeze": None, "bands": 3}, own=("field", "freeze"))
    assert problems == []
    assert node.plain() == {"use": "toy/mel", "field": "f", "bands": 3, "rate": 16000}
    assert check({"use": "toy/mel", "field": "f"})[1] == [
        "here: place.field: toy/mel has no parameter 'field'; it takes: bands, rate"
    ]


def test_further_options_of_an_open_signature_are_kept() -> None:
    node, problems = check({"use": "adamw", "amsgrad": True}, "optimizer")
    assert problems == []
    assert node.plain() == {"use": "std/adamw", "lr": 1e-3, "amsgrad": True}


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        (3, "encoder", "here: place: must be an encoder: {use: plugin/name, parameter: value, ...}"),
        ({"bands": 3}, "task", "here: place: must be a task: {use: plugin/name, parameter: value, ...}"),
        ({"use": None}, "encoder", "here: place: must be an encoder"),
        ({"use": "toy/kl"}, "encoder", "here: place: no encoder 'toy/kl'"),
        ("toy/kl", "head", "'toy/kl' is an objective; see: mmx ls heads"),
        (
            {"use": "toy/frames", "image": {"use": "toy/mel", "bands": 0}},
            "encoder",
            "place.image.bands: must be int, >= 1",
        ),
        (
            {"use": "toy/frames", "image": "toy/mle"},
            "encoder",
            "place.image: no encoder 'toy/mle'; did you mean 'toy/mel'",
        ),
        ({"use": "toy/frames", "image": ["toy/mel"]}, "encoder", "place.image: must be Encoder, got ["),
        ({"use": "toy/frames"}, "encoder", "place.image: is missing (Encoder)"),
        ({"use": "toy/mel", "bands": {"use": "toy/mel"}}, "encoder", "place.bands: toy/mel takes no component there"),
    ],
)
def test_problems(value: Any, kind: Kind, problem: str) -> None:
    _, problems = check(value, kind)
    assert any(problem in line for line in problems), problems


def test_a_component_whose_code_is_missing_is_a_problem_not_a_crash() -> None:
    from mmx.registry.registry import Entry

    plugins = toy_plugins()
    plugins.registry.add(Entry("encoder", "toy/gone", "tests.core.toys.gone:Gone", "toy", "toys 1.0"))
    problems: list[str] = []
    PartChecker(plugins.registry, problems).part(node_of("toy/gone", "here"), "encoder", ("place",))
    assert len(problems) == 1 and "cannot import tests.core.toys.gone" in problems[0]


def test_a_parameter_that_is_a_key_of_mmx_itself_is_told() -> None:
    _, problems = check("toy/mel", own=("bands", "freeze"))
    assert problems == [
        "here: place: toy/mel has a parameter 'bands', which is a key of mmx's own there; its author must rename it"
    ]
