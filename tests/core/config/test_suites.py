"""Suites: order, whose list counts, and faults with their place."""

from __future__ import annotations

import pytest

from mmx.errors import ConfigError, UnknownNameError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]

TWO = "  see: {extends: hear, summary: Learn to see}\n"


def test_a_suite_keeps_its_order_and_the_users_list_replaces_the_shipped(workplace: Workplace) -> None:
    workplace.shipped += TWO + "suites: {both: [see, hear], one: [hear]}\n"
    workplace.user = "suites: {one: [see]}\n"
    catalog = workplace.open()
    assert [list(catalog.suite(name)) for name in ("both", "one")] == [["see", "hear"], ["see"]]


def test_an_unknown_suite_names_the_nearest(workplace: Workplace) -> None:
    with pytest.raises(UnknownNameError, match=r"^no suite 'card'; registry.yaml names none under `suites`$"):
        workplace.open().suite("card")
    workplace.shipped += "suites: {card: [hear]}\n"
    with pytest.raises(UnknownNameError, match=r"^no suite 'crad'; did you mean 'card'\?; suites: card$"):
        workplace.open().suite("crad")


@pytest.mark.parametrize(
    ("suite", "problem"),
    [
        ("[hera]", "registry.yaml:1:17: suites.mine: no experiment 'hera'; did you mean 'hear'?; see: mmx ls"),
        ("[hear, hear]", "registry.yaml:1:23: suites.mine: 'hear' stands twice"),
        ("[3]", "registry.yaml:1:17: suites.mine: no experiment '3'; see: mmx ls"),
        ("[[hear]]", "registry.yaml:1:17: suites.mine: no experiment \"['hear']\"; did you mean 'hear'?; see: mmx ls"),
        ("[]", "registry.yaml:1:10: suites.mine: must be a list of experiments, e.g. [soundnet, hero]"),
        ("hear", "registry.yaml:1:10: suites.mine: must be a list of experiments, e.g. [soundnet, hero]"),
    ],
)
def test_a_suite_that_lists_what_is_no_experiment(workplace: Workplace, suite: str, problem: str) -> None:
    workplace.user = f"suites: {{mine: {suite}}}\n"
    with pytest.raises(ConfigError) as caught:
        workplace.open().suite("mine")
    assert list(caught.value.problems) == [problem]


def test_suites_that_are_no_mapping_are_reported_where_they_stand(workplace: Workplace) -> None:
    workplace.user = "suites: [hear]\n"
    with pytest.raises(ConfigError) as caught:
        workplace.open()
    assert list(caught.value.problems) == ["registry.yaml:1:1: suites: must be a mapping"]


def test_a_plugins_file_has_no_suites(workplace: Workplace) -> None:
    workplace.plugin_files = {"bad": "suites: {card: [hear]}\n"}
    catalog = workplace.open()
    assert "suites: unknown key" in catalog.plugins.problems[0]
