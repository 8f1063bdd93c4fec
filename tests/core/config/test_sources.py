"""The files that experiments come from: shipped, of plugins, the user's own; faults with their place."""

from __future__ import annotations

import pytest

from mmx.config.catalog import Catalog
from mmx.errors import ConfigError, PluginError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]

PLUGIN_FILE = """
    experiments:
      {name}: {{extends: "mmx:hear", summary: of {plugin}}}
"""


@pytest.mark.parametrize(
    "text",
    ["experiments: {x: 3}", "plugins: [evil]", "tracking: {uri: evil}", "experiments: [}", "experiments: 3", "3"],
)
def test_a_broken_plugin_file_costs_one_line(workplace: Workplace, text: str) -> None:
    workplace.plugin_files = {"bad": text, "good": PLUGIN_FILE.format(name="fine", plugin="good")}
    catalog = workplace.open()
    assert catalog.names() == ["fine", "hear"]
    (problem,) = catalog.plugins.problems
    assert problem.startswith("plugin 'bad': mmx_bad/experiments.yaml:1:")
    with pytest.raises(PluginError, match="plugin 'bad': "):
        workplace.open(strict=True)


def test_the_limit_on_values_counts_for_each_file(workplace: Workplace) -> None:
    numbers = f"paper: {{title: Long, authors: [{'1, ' * 8990}1]}}"
    workplace.shipped += f"  first: {{extends: hear, {numbers}}}\n"
    workplace.plugin_files = {"more": f'experiments: {{second: {{extends: "mmx:hear", {numbers}}}}}\n'}
    catalog = workplace.open(strict=True)
    assert catalog.names() == ["first", "hear", "second"]
    assert {len(info.paper["authors"]) for info in catalog.experiments() if info.name != "hear"} == {8991}


def test_every_problem_of_the_users_file_at_once(workplace: Workplace) -> None:
    workplace.user = (
        "experiment: {}\nexperiments: {../x: {}, ok: 3, "
        + "y" * 300
        + ": {}}\nplugins: [nowhere, 3]\ndefaults: []\ntracking: {uri: x}\n"
    )
    with pytest.raises(ConfigError) as caught:
        workplace.open()
    lines = list(caught.value.problems)
    assert lines[0] == "registry.yaml:1:1: experiment: unknown key; did you mean 'experiments'?"
    assert "registry.yaml:2:15: experiments.../x: a name is up to 64 of" in "\n".join(lines)
    assert "registry.yaml:2:25: experiments.ok: must be a mapping" in lines
    assert "registry.yaml:4:1: defaults: must be a mapping" in lines
    assert "registry.yaml:3:11: plugins: no folder 'nowhere'" in lines
    assert "registry.yaml:3:20: plugins: must be a list of folders" in lines
    assert all(len(line) < 300 for line in lines)


def test_local_plugin_folders_and_tracking_come_from_the_users_file(workplace: Workplace) -> None:
    (workplace.folder / "mine").mkdir()
    workplace.shipped += "tracking: {uri: a, other: 1}\n"
    workplace.user = "plugins: [./mine]\ntracking: {uri: b}\n"
    catalog = workplace.open()
    assert list(workplace.plugins.local) == [workplace.folder / "mine"]
    assert catalog.resolve("hear").tracking == {"uri": "b", "other": 1}


def test_the_shipped_file_is_not_the_users_too(workplace: Workplace) -> None:
    workplace.open()
    shipped = workplace.folder / "shipped"
    catalog = Catalog.open(shipped)
    assert catalog.user.experiments == {}
    assert catalog.names() == ["hear"]
