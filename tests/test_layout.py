"""What the whole repository keeps to: sizes, annotations, slots of papers, mirrored tests, one loop, a full wheel."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "core" / "mmx" / "plugins" / "template"
"""Text that `mmx new` writes, and no modules of mmx: tests/core/cli/test_new.py lints and runs what it becomes."""
SOURCES = sorted(
    path
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    if not path.is_relative_to(TEMPLATE)
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
EVERYTHING = [*SOURCES, *TESTS, *sorted((ROOT / "docs").rglob("*.py")), *sorted((ROOT / ".ci").glob("*.py"))]
PAPERS = sorted(path.name for path in (ROOT / "plugins").glob("mmx_*") if path.name not in ("mmx_std", "mmx_worlds"))

LONGEST_FILE, MEDIAN_FILE = 400, 130
LONGEST_FUNCTION, MEDIAN_FUNCTION = 60, 10
LONGEST_CHAIN = 3
"""Classes from `Module` (or none) to an implementation."""

TABLES = {"mmx_register"}
"""Functions that are lists: one line per component."""
NEEDS_NO_TEST = {
    "core/mmx/plugins/hookspecs.py": "signatures only; tests/core/plugins/test_loader.py calls every hook",
    "core/mmx/__init__.py": "lazy names; tests/core/cli/test_init.py measures what it imports",
}
"""Modules without a mirrored test file, and why."""
LOOPS = {
    "core/mmx/training/trainer.py": "the loop",
    "core/mmx/training/trials.py": "what training on one loss alone would lead to, on weights that are put back",
    "core/mmx/testing/experiments.py": "one batch forwards and backwards, for `mmx check`",
    "core/mmx/testing/parts/modules.py": "does a gradient reach every weight of a part",
    "core/mmx/testing/parts/objectives.py": "the best constant, to check a stated chance",
    "core/mmx/testing/parts/components.py": "one step of an optimizer",
    "plugins/mmx_speech2face/objective/gradients.py": "norms of each term's gradient, which weights are chosen by",
}
"""Where gradients are computed."""
MOST_MODULES = 12
"""In one folder, beside `__init__.py`."""
TABLE_OF_COMMANDS = "core/mmx/cli"
"""A folder of like things, one command each."""
SLOTS = {"model", "data", "objective", "evaluation", "predict", "weights"}
"""What a paper is made of: each a module, or a folder of several modules."""
KEPT = {"results": {".json", ".md"}, "decisions": {".md"}, "trained": {""}}
"""Folders of a paper that hold no code; in `trained` one folder per run, as `mmx export --small` writes it."""
FILES = {"__init__.py", "card.py", "experiments.yaml", "py.typed"}
LONGEST_HOOKS = 60
TOP_LEVEL = {
    "pyproject.toml", "core", "plugins", "registry.yaml", "tests", "docs", "README.md", "LICENSE", "constraints.txt",
    "benchmarks",
}  # fmt: skip


def ident(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()


def test_the_top_level_is_fixed() -> None:
    names = {name.partition("/")[0] for name in tracked()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_files_are_short() -> None:
    sizes = {ident(path): len(path.read_text(encoding="utf-8").splitlines()) for path in EVERYTHING}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}
    assert statistics.median(sizes[ident(path)] for path in SOURCES) <= MEDIAN_FILE
    assert [name for name in sizes if re.search(r"(^|/)(utils?|helpers?|misc|common)\.py$", name)] == []


def test_functions_are_short() -> None:
    sizes = {
        f"{ident(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in EVERYTHING
        for node in functions(path)
        if node.name not in TABLES
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}
    assert statistics.median(sizes.values()) <= MEDIAN_FUNCTION


def test_everything_is_annotated() -> None:
    bare = []
    for path in EVERYTHING:
        for node in functions(path):
            given = node.args
            each = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            named = [argument for argument in each if argument is not None and argument.arg not in ("self", "cls")]
            if node.returns is None or any(argument.annotation is None for argument in named):
                bare.append(f"{ident(path)}:{node.lineno} {node.name}")
    assert bare == []


def public(path: Path) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield public classes, functions and methods of a module."""
    for node in tree(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def test_everything_public_has_a_docstring() -> None:
    silent = [ident(path) for path in SOURCES if not ast.get_docstring(tree(path))]
    silent += [
        f"{ident(path)}:{name}" for path in SOURCES for name, node in public(path) if not ast.get_docstring(node)
    ]
    assert silent == []


def test_classes_are_composed_not_inherited() -> None:
    bases: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases]

    def depth(name: str, seen: tuple[str, ...] = ()) -> int:
        own = [base for base in bases.get(name, []) if base in bases and base not in seen]
        return 1 + max((depth(base, (*seen, name)) for base in own), default=0)

    errors = {name for name in bases if name.endswith("Error")}
    assert {name: depth(name) for name in bases if depth(name) > LONGEST_CHAIN and name not in errors} == {}
    assert max(depth(name) for name in errors) <= LONGEST_CHAIN + 1


def test_there_is_one_training_loop() -> None:
    found = {ident(path) for path in SOURCES if re.search(r"\.backward\(|autograd\.grad\(", path.read_text())}
    assert found == set(LOOPS)


def test_no_machine_is_in_the_files() -> None:
    home = re.compile(r"(?<![\w.~])/(home|Users|root|work|mnt)/[\w.-]+|[A-Z]:\\\\?Users")
    index = re.compile(
        r"(pypi|files\.pythonhosted|download\.pytorch|conda\.anaconda|artifactory|nexus)\.[\w.-]*|--(extra-)?index-url"
    )
    wrong = []
    for name in tracked():
        path = ROOT / name
        if not path.is_file() or path.suffix not in (
            ".py",
            ".md",
            ".yaml",
            ".yml",
            ".toml",
            ".txt",
            ".jsonl",
            ".json",
            "",
        ):
            continue
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if home.search(line) or index.search(line):
                wrong.append(f"{name}:{number}: {line.strip()[:100]}")
    assert wrong == []


def mirror(path: Path) -> Path:
    """Return where the test of a source file belongs."""
    parts = list(path.relative_to(ROOT).parts)
    folder = ROOT / "tests" / ("core" if parts[0] == "core" else "plugins")
    inner = parts[2:] if parts[0] == "core" else parts[1:]
    stem = path.stem.strip("_")
    return folder.joinpath(*inner[:-1], f"test_{stem}.py")


def test_every_module_has_its_test_file() -> None:
    missing = {
        ident(path)
        for path in SOURCES
        if not mirror(path).is_file() and re.search(r"^\s*(def|class|return)\b", path.read_text(), re.M)
    }
    hooks = {f"plugins/{paper}/__init__.py" for paper in PAPERS}  # tests/test_every_plugin.py calls and resolves them
    assert sorted(missing - hooks - set(NEEDS_NO_TEST)) == []
    assert sorted(set(NEEDS_NO_TEST) - missing) == [], "these have a test now: take them off the list"


def test_every_test_file_mirrors_something() -> None:
    known = {mirror(path) for path in SOURCES}
    whole = re.compile(
        r"tests/(test_\w+|(faults|parity|browser)/test_\w+|plugins/mmx_\w+/test_(init|claims|experiment|precision))\.py"
    )
    lost = [ident(path) for path in TESTS if path.name.startswith("test_") and path not in known]
    assert [name for name in lost if not whole.fullmatch(name)] == []


def test_folders_are_small() -> None:
    sizes = Counter(ident(path.parent) for path in SOURCES if path.name != "__init__.py")
    assert {name: size for name, size in sizes.items() if size > MOST_MODULES and name != TABLE_OF_COMMANDS} == {}


def misplaced(paper: Path) -> Iterator[str]:
    """Yield what is wrong with the slots of a paper's folder."""
    found = {path.name: path for path in paper.iterdir() if path.name != "__pycache__"}
    yield from (f"{name} is missing" for name in sorted(FILES - found.keys()))
    for name, path in sorted(found.items()):
        inside = {each.name for each in path.iterdir() if each.name != "__pycache__"} if path.is_dir() else set()
        if name in SLOTS and path.is_dir():
            if len({each for each in inside if each.endswith(".py") or path.joinpath(each).is_dir()}) < 3:
                yield f"{name}/ has one module: make it {name}.py"
        elif name in KEPT and path.is_dir():
            yield from (f"{name}/{each}" for each in sorted(inside) if Path(each).suffix not in KEPT[name])
        elif name not in FILES and not (path.is_file() and path.suffix == ".py" and path.stem in SLOTS):
            yield f"{name} is no slot"


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_has_the_same_slots(paper: str) -> None:
    folder = ROOT / "plugins" / paper
    assert list(misplaced(folder)) == []
    assert len((folder / "__init__.py").read_text(encoding="utf-8").splitlines()) <= LONGEST_HOOKS


def test_what_is_misplaced_is_found(tmp_path: Path) -> None:
    for name in ("__init__.py", "card.py", "py.typed", "model.py", "evaluation.py", "utils.py", "data/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "data" / "corpus.py").touch()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "weights.bin").touch()
    assert list(misplaced(tmp_path)) == [
        "experiments.yaml is missing",
        "data/ has one module: make it data.py",
        "results/weights.bin",
        "utils.py is no slot",
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_the_wheel_is_whole(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    packages = {"mmx", *(path.name for path in (ROOT / "plugins").glob("mmx_*"))}
    assert {"mmx/registry.yaml", "mmx_worlds/media/manifest.jsonl", "mmx_worlds/media/LICENCES"} <= names
    assert {f"{package}/py.typed" for package in packages} <= names
    assert {f"{paper}/experiments.yaml" for paper in PAPERS} <= names
    kept = {path.partition("/")[2] for path in tracked() if path.startswith(("core/", "plugins/"))}
    assert sorted(kept - names) == [], "with the files of the template that begin with a dot, and a paper's decisions"
    assert {name.partition("/")[0] for name in names if not re.match(r"mmx-[\d.]+\.dist-info/", name)} == packages


def test_the_wheel_names_every_plugin(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["mmx"]
    assert set(declared.values()) == {path.name for path in (ROOT / "plugins").glob("mmx_*")}
    for name, module in declared.items():
        assert f"{name} = {module}" in text
        assert module == f"mmx_{name.replace('-', '_')}"
    assert "mmx = mmx.cli:main" in text


def test_a_parameter_is_described_once() -> None:
    """In `Args:`, which the schema reads; `Field` in a signature holds ranges only."""
    twice = [
        f"{ident(path)}:{node.lineno}"
        for path in SOURCES
        if path.is_relative_to(ROOT / "plugins")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field"
        for keyword in node.keywords
        if keyword.arg == "description"
    ]
    assert twice == []
