"""The documentation says everything that there is, links lead somewhere, and commands do what pages show."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from mmx.cli import group
from mmx.config import experiment
from mmx.plugins import hookspecs
from mmx.plugins.commands import BUILT_IN
from mmx.plugins.loader import load_plugins
from mmx.registry.registry import plural
from mmx.registry.schema import signature
from mmx.report.write import as_json
from mmx.types import Metric, PaperValue, Report
from tests.consoles import blocks, play
from tests.environments import Environment

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / ".github").glob("*.md")),
    *sorted((ROOT / "plugins").rglob("*.md")),
]
PLAYED = sorted([*(DOCS / "tutorial").glob("*.md"), *(DOCS / "how-to").glob("*.md")])


def ident(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "build.py"), "--check"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_hook_is_documented() -> None:
    names = [name for name, value in vars(hookspecs).items() if inspect.isfunction(value) and name.startswith("mmx_")]
    assert len(names) >= 8
    assert [name for name in names if f"## {name}\n" not in text("hooks.md")] == []


def options(command: click.Command) -> Iterator[str]:
    """Yield every long option of a command and its sub-commands."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from (option for option in parameter.opts if option.startswith("--"))
    if isinstance(command, click.Group) and command is not group:
        for name in command.commands:
            yield from options(command.commands[name])


def test_every_command_and_option_is_documented() -> None:
    page = text("cli.md")
    root = click.Context(group)
    for name in BUILT_IN:
        command = group.get_command(root, name)
        assert command is not None
        assert f"## mmx {name}\n" in page
        section = page.partition(f"## mmx {name}\n")[2].partition("\n## ")[0]
        assert [option for option in options(command) if option not in section] == [], name
    assert [option for option in options(group) if option not in page] == []


def variables() -> Iterator[str]:
    """Yield the names that the source looks up in the environment: `environ.get("X")`, `environ["X"]`, ..."""
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = node.value if isinstance(node, ast.Subscript) else node.func if isinstance(node, ast.Call) else None
            if where is None or not re.search(r"\benviron(\.\w+)?$|\bgetenv$", ast.unparse(where)):
                continue
            given = node.slice if isinstance(node, ast.Subscript) else node.args[0] if node.args else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value
            yield from re.findall(r"\bMMX_[A-Z_]+\b", ast.unparse(node))


def test_every_environment_variable_is_documented() -> None:
    found = set(variables())
    assert {"MMX_CACHE", "MMX_PLUGINS", "MLFLOW_TRACKING_URI", "WORLD_SIZE"} <= found
    assert sorted(name for name in found if f"`{name}`" not in text("environment-variables.md")) == []


def test_every_component_and_its_parameters_are_documented() -> None:
    registry = load_plugins(environ={"MMX_PLUGINS": ""}).registry
    page = text("components.md")
    for entry in registry.entries():
        kind = page.partition(f"\n## {plural(entry.kind).capitalize()}\n")[2].partition("\n## ")[0]
        assert f"### {entry.name}\n" in kind, entry.name
        section = kind.partition(f"### {entry.name}\n")[2].partition("\n### ")[0]
        assert [name for name in signature(entry.target).params if f"| `{name}` |" not in section] == [], entry.name
    assert [name for name in registry.assets if f"`{name}`" not in page] == []


def test_every_parameter_says_what_it_means() -> None:
    silent = [
        f"{entry.name} {param.name}"
        for entry in load_plugins(environ={"MMX_PLUGINS": ""}).registry.entries()
        for param in signature(entry.target).params.values()
        if not param.filled and not param.help
    ]
    assert silent == []


def test_every_key_of_the_registry_file_says_what_it_means() -> None:
    models = (experiment.Experiment, experiment.EncoderPart, experiment.Stage, experiment.Update, experiment.Settings)
    for model in (*models, experiment.Part, experiment.Paper):
        assert [key for key, field in model.model_fields.items() if not field.description] == [], model.__name__


def test_every_key_of_the_report_is_documented() -> None:
    metric = Metric("accuracy", 0.5, chance=0.1, controls={"a": 0.1}, paper=PaperValue(0.7, "big"))
    found = as_json(Report([metric], 1, 1))
    assert [key for key in found["metrics"][0] if f"`.{key}`" not in text("report.md").replace("metrics[]", "")] == []
    assert [key for key in found if f"`{key}`" not in text("report.md")] == []


@pytest.fixture
def generators(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules behind `docs/build.py` can be imported."""
    monkeypatch.syspath_prepend(DOCS)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("generators", "build")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("experiment", "preset", "file"),
    [
        ("hero", "default", "plugins/mmx_hero/results/default.json"),
        ("vatt", "shuffled", "plugins/mmx_vatt/results/shuffled.json"),
        ("vatt_soundnet", "patches", "docs/results/vatt_soundnet-patches.json"),
    ],
)
def test_results_lie_in_their_papers_folder(generators: None, experiment: str, preset: str, file: str) -> None:
    saved = import_module("generators.saved")
    assert saved.place(experiment, preset) == ROOT / file
    with pytest.raises(SystemExit, match="no experiment 'hera'"):
        saved.place("hera")


def test_every_saved_result_is_one_of_an_experiment_and_preset_there_is(generators: None) -> None:
    saved = import_module("generators.saved")
    files = [*(ROOT / "plugins").glob("*/results/*.json"), *(DOCS / "results").glob("*.json")]
    assert len(files) >= 9
    for file in files:
        report = json.loads(file.read_text(encoding="utf-8"))
        assert saved.place(report["experiment"], report["preset"]) == file
        assert report["preset"] in ("default", *saved.experiments()[report["experiment"]].presets)


def test_a_run_is_adopted_where_its_results_lie(
    generators: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = import_module("build")
    monkeypatch.setattr(build.saved, "place", lambda name, preset: tmp_path / "results" / f"{name}-{preset}.json")
    (tmp_path / "report.json").write_text('{"experiment": "hero", "preset": "flat"}')
    assert build.adopt(tmp_path) == tmp_path / "results" / "hero-flat.json"
    assert json.loads((tmp_path / "results" / "hero-flat.json").read_text())["preset"] == "flat"


def test_links_of_collected_pages_lead_from_the_page(generators: None, tmp_path: Path) -> None:
    collected = import_module("generators.collected")
    decision = ROOT / "plugins" / "mmx_mulan" / "decisions" / "0038-time-signatures-are-the-only-labels.md"
    turned = collected.turned(decision)
    assert "](mulan-ablations.md)" in turned
    assert "](mulan-decisions.md#24-mulans-small-tower-pools-rhythm-and-starts-from-labels)" in turned
    page = ROOT / "plugins" / "mmx_hero" / "results" / "ablations.md"
    assert "](hero.md)" in collected.turned(page)
    stray = tmp_path / "stray.md"
    stray.write_text("```\n[kept](x.md)\n```\n[kept](https://example.org) [lost](x.md)\n")
    with pytest.raises(SystemExit, match=r"x\.md is no page of the documentation"):
        collected.turned(stray)


def test_the_list_of_papers_in_the_registry_file_is_filled_and_must_have_its_place(generators: None) -> None:
    wiring = import_module("generators.wiring")
    text = wiring.REGISTRY.read_text(encoding="utf-8")
    assert wiring.filled(text.replace("#   hero ", "#   hera ")) == text
    assert "#   mulan              plugins/mmx_mulan/experiments.yaml\n" in text
    with pytest.raises(SystemExit, match="needs the comments"):
        wiring.filled("experiments: {}\n")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as mkdocs and code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ident)
def test_links_lead_somewhere(page: Path) -> None:
    content = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", content):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} in {ident(page)}"
        assert not anchor or anchor in anchors(file), f"{target} in {ident(page)}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PLAYED, ids=ident)
def test_commands_do_what_pages_show(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    # What a page installs goes into an environment of its own.
    installs = "$ pip install" in page.read_text(encoding="utf-8")
    ran = play(page, folder, Environment.create(tmp_path / "venv", warm=True).shell if installs else None)
    assert ran or all(block.mark.startswith("not run: ") for block in blocks(page) if block.commands)


@pytest.mark.timeout(600)
def test_the_python_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    page = (DOCS / "tutorial" / "python.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert len(snippets) >= 8
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(snippets)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "did you mean 'soundnet'?" in done.stdout.splitlines()[-1]


def test_the_notebook_is_small_and_what_its_cells_give_now() -> None:
    path = DOCS / "tutorial" / "notebook.ipynb"
    assert path.stat().st_size < 300_000
    done = subprocess.run(
        [sys.executable, str(DOCS / "notebook.py"), "--check"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = [kind for each in cells for output in each.get("outputs", ()) for kind in output.get("data", ["printed"])]
    assert {"text/html", "text/plain", "printed"} <= set(shown)


def test_the_readme_lines_are_what_ci_runs() -> None:
    spec = importlib.util.spec_from_file_location("readme_block", ROOT / ".ci" / "readme_block.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run, test = module.block("run"), module.block("test")
    assert run.strip().endswith("&& mmx run soundnet") and '-c constraints.txt -e ".[weights]"' in run
    assert "pytest" in test and '-c constraints.txt -e ".[weights,dev]"' in test
    script = (ROOT / ".ci" / "run").read_text()
    assert all(f"readme_block.py {name})" in script for name in ("run", "test"))
    assert "pip install -c" not in script, "the gate must run the README's lines, not a copy"
    with pytest.raises(SystemExit):
        module.block("nothing")


def promises() -> Iterator[str]:
    """Yield what the page of guarantees promises, a bullet each; what a plugin may rely on has a test of its own."""
    page = (DOCS / "explanation" / "guarantees.md").read_text(encoding="utf-8")
    for section in page.split("\n## ")[1:]:
        if not section.startswith("The public interface\n"):
            bullets = re.findall(r"^- (.*(?:\n  .*)*)", section, re.M)
            yield from (bullet for bullet in bullets if not bullet.startswith("Not promised: "))


def test_every_promise_names_a_test_that_there_is() -> None:
    found = list(promises())
    assert len(found) > 30
    assert [promise for promise in found if "::" not in promise] == []
    page = (DOCS / "explanation" / "guarantees.md").read_text(encoding="utf-8")
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", page):
        defined = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        assert name in [each.name for each in defined if isinstance(each, ast.FunctionDef)], f"{file}::{name}"
    assert page.count("::") == len(re.findall(r"`[\w/]+\.py::\w+`", page)), "a test whose name is not whole"
    for file in re.findall(r"`(tests/[\w/]+\.py)`", page):
        assert (ROOT / file).is_file(), file
