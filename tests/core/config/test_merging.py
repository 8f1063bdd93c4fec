"""Merging by the rules, one rule at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.config.merging import expand_keys, full_name, merge
from mmx.config.yaml_positions import Node, node_of
from mmx.errors import ConfigError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


def merged(base: Any, over: Any, *path: str) -> Any:
    problems: list[str] = []
    result = merge(node_of(base, "base"), node_of(over, "over"), problems, path).plain()
    assert problems == []
    return result


def test_mappings_merge_and_lists_replace() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": 3}, "l": [4]}) == {"a": {"b": 3, "c": 2}, "l": [4]}
    assert merged({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
    assert merged({"a": {"b": 2}}, {"a": 1}) == {"a": 1}


def test_another_use_drops_parameters() -> None:
    base = {"p": {"use": "std/adam", "lr": 1}}
    assert merged(base, {"p": {"use": "sgd"}}) == {"p": {"use": "sgd"}}
    assert merged(base, {"p": {"use": "adam", "eps": 2}}) == {"p": {"use": "adam", "lr": 1, "eps": 2}}
    assert merged(base, {"p": "sgd"}) == {"p": {"use": "sgd"}}
    assert merged(base, {"p": "adam"}) == {"p": {"use": "adam", "lr": 1}}
    assert merged({"p": "adam"}, {"p": {"lr": 1}}) == {"p": {"use": "adam", "lr": 1}}


def test_wiring_of_an_encoder_stays() -> None:
    base = {"use": "a/b", "field": "f", "freeze": True, "width": 1}
    assert merged(base, {"use": "a/c"}, "encoders", "audio") == {"use": "a/c", "field": "f", "freeze": True}
    assert merged(base, {"use": "a/c"}, "heads", "audio") == {"use": "a/c"}


def test_items_by_name_or_index() -> None:
    stages = [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
    assert merged(stages, {"b": {"n": 5}}) == [{"name": "a", "n": 1}, {"name": "b", "n": 5}]
    assert merged(stages, {"0": {"n": 5}, "b": None}) == [{"name": "a", "n": 5}]
    assert merged([{"n": 1}, {"n": 2}], {"1": {"n": 3}}) == [{"n": 1}, {"n": 3}]
    problems: list[str] = []
    merge(node_of(stages, "base"), node_of({"c": {}, "9": {}}, "over"), problems, ("stages",))
    assert problems == [
        "over: stages.c: no such item; there are: a, b",
        "over: stages.9: no such item; there are: a, b",
    ]


def test_appending() -> None:
    over = Node([Node(3, "over")], "over", append=True)
    assert merge(node_of([1, 2], "base"), over, []).plain() == [1, 2, 3]
    assert merge(None, over, []) is over
    twice = merge(merge(None, over, []), over, [])
    assert twice.append and twice.plain() == [3, 3]
    problems: list[str] = []
    assert merge(node_of(5, "base"), over, problems, ("x",)).plain() == 5
    assert problems == ["over: x: += needs a list to append to"]


def test_a_key_with_a_plus_appends_in_a_file_too() -> None:
    base = {"stages": [{"name": "a", "steps": 1}], "b": 2}
    over = {"stages": {"a": {"steps": 5}}, "stages+": [{"name": "c"}]}
    assert merged(base, over) == {"stages": [{"name": "a", "steps": 5}, {"name": "c"}], "b": 2}
    problems: list[str] = []
    merge(node_of(base, "base"), node_of({"b+": [1]}, "over"), problems)
    assert problems == ["over: b: += needs a list to append to"]


def test_origins_follow_values() -> None:
    result = merge(node_of({"a": 1, "b": 2}, "base"), node_of({"b": 3}, "over"), [])
    assert {key: node.origin for key, node in result.value.items()} == {"a": "base", "b": "over"}
    assert result.origin == "base"


def test_dotted_keys() -> None:
    problems: list[str] = []
    node = node_of({"a.b": 1, "a": {"c": 2}, "a.d.e": 3, "../x": 4, "a..b": 5, "f/g.h": 6}, "here")
    assert expand_keys(node, problems).plain() == {
        "a": {"c": 2, "b": 1, "d": {"e": 3}},
        "../x": 4,
        "a..b": 5,
        "f/g.h": 6,
    }
    assert problems == []
    deep = node_of({"a." * 5000 + "a": 1}, "here")
    assert expand_keys(deep, problems) is deep


def test_full_names() -> None:
    assert [full_name(name) for name in ("adam", "std/adam", "a/b")] == ["std/adam", "std/adam", "a/b"]


PLAIN = st.recursive(
    st.integers() | st.text("xyz", max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


def reference(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: reference(base[key], over[key]) if key in base and key in over else {**base, **over}[key]
                for key in [*base, *over]}  # fmt: skip
    return over


@given(st.dictionaries(st.sampled_from("abcd"), PLAIN), st.dictionaries(st.sampled_from("abcd"), PLAIN))
def test_without_components_it_is_a_plain_deep_merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    if not _a_word_meets_a_mapping(base, over):
        assert merged(base, over) == reference(base, over)
    assert merged(base, base) == base
    assert merged(merged(base, over), over) == merged(base, over)


def _a_word_meets_a_mapping(base: Any, over: Any) -> bool:
    """Whether a bare name would be taken for a component."""
    if isinstance(base, dict) and isinstance(over, dict):
        return any(_a_word_meets_a_mapping(base[key], over[key]) for key in base if key in over)
    return isinstance(base, str) and isinstance(over, dict)


def test_extends_merges_presets_and_follows_the_users_changes_of_the_parent(workplace: Workplace) -> None:
    workplace.user = """
        experiments:
          hear: {encoders.audio.depth: 7}
          child: {extends: hear, summary: mine, presets: {smoke: {settings: {seed: 5}}, own: }}
          grandchild: {extends: child, stages: [{name: only, trains: [fuser], objective: toy/kl, steps: 0}]}
    """
    catalog = workplace.open()
    child = catalog.resolve("child", preset="smoke").experiment
    assert (child.name, child.summary, child.encoders["audio"].params["depth"]) == ("child", "mine", 7)
    assert (child.stages[0].steps, child.settings.seed) == (2, 5)
    assert [stage.name for stage in catalog.resolve("grandchild", preset="own").experiment.stages] == ["only"]
    infos = {info.name: info for info in catalog.experiments()}
    assert (infos["grandchild"].summary, infos["grandchild"].plugin) == ("mine", "user")
    assert set(infos["child"].presets) == {"smoke", "paper", "own"}
    assert set(infos["grandchild"].presets) == {"paper", "own"}, "smoke changes stages that it does not have"


@pytest.mark.parametrize(
    ("child", "kept"),
    [
        ("encoders: {audio: {use: toy/mel}}", {"smoke"}),  # paper sets the width of another component
        ("encoders: {audio: null}, stages: {distill: {trains: [heads]}}", {"smoke"}),
        ("encoders: {audio: {width: 2}}", {"smoke", "paper"}),
        ("stages: {probe: null}", {"paper"}),
        ("stages: {distill: {steps: 4}}", {"smoke", "paper"}),
        ("presets: {smoke: {corpus.clips: 2}}, stages: {probe: null}", {"smoke", "paper"}),
    ],
)
def test_presets_are_inherited_where_they_apply(workplace: Workplace, child: str, kept: set[str]) -> None:
    workplace.shipped += "    controls: [paper]\n"
    workplace.user = f"experiments: {{child: {{extends: hear, {child}}}}}"
    catalog = workplace.open()
    info = next(info for info in catalog.experiments() if info.name == "child")
    assert set(info.presets) == kept
    assert set(info.controls) == kept & {"paper"}
    for preset in kept:
        catalog.resolve("child", preset=preset)
    if "presets" in child:  # its own, without what the parent's had
        assert catalog.resolve("child", preset="smoke").experiment.stages[0].steps == 10


def test_an_experiment_of_another_plugin_can_be_extended(workplace: Workplace) -> None:
    workplace.plugin_files = {"other": "experiments: {loud: {extends: hear, encoders: {audio: {width: 2}}}}"}
    assert workplace.open().resolve("loud", preset="paper").experiment.encoders["audio"].params["width"] == 1


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("a: {extends: b}, b: {extends: a}", r"registry.yaml:1:36: extends: goes in a circle: a -> b -> a"),
        ("a: {extends: a}", r"extends: goes in a circle: a -> a"),
        ("a: {extends: heer}", r"registry.yaml:1:19: extends: no experiment 'heer'; did you mean 'hear'\?"),
        ("a: {extends: [hear, hear]}", r"extends: must be the name of one experiment"),
        (
            "a: {extends: e0}, " + ", ".join(f"e{n}: {{extends: e{n + 1}}}" for n in range(1600)) + ", e1600: {}",
            r"extends: a chain of more than 50 experiments",
        ),
    ],
)
def test_bad_extends(workplace: Workplace, user: str, message: str) -> None:
    workplace.user = f"experiments: {{{user}}}"
    catalog = workplace.open()
    with pytest.raises(ConfigError, match=message):
        catalog.resolve("a")
    broken = next(info for info in catalog.experiments() if info.name == "a")
    assert broken.problem and "hear" in [info.name for info in catalog.experiments()]
