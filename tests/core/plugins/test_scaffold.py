"""What `mmx new` writes, as text: file sets, names, licences, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmx.errors import UserError
from mmx.plugins import scaffold
from mmx.plugins.scaffold import Package, check_name, render, write

ROOT = Path(__file__).parents[3]
SLOTS = {"__init__.py", "card.py", "experiments.yaml", "py.typed", "model", "objective", "evaluation", "results"}
"""What every paper has; a slot is a module or a folder."""
PAPERS = sorted(path.name for path in (ROOT / "plugins").glob("mmx_*") if path.name not in ("mmx_std", "mmx_worlds"))
COMMON = {
    ".github/workflows/test.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "mmx_tiny_idea/__init__.py",
    "mmx_tiny_idea/experiments.yaml",
    "mmx_tiny_idea/py.typed",
    "pyproject.toml",
    "tests/test_conformance.py",
}
UNTESTED = {"paper": {"card.py", "results/README.md"}, "component": set(), "corpus": set()}
OWN = {
    "paper": {"model.py", "objective.py", "evaluation.py"},
    "component": {"model.py"},
    "corpus": {"corpus.py"},
}


def package(**changes: object) -> Package:
    values: dict[str, object] = {
        "name": "tiny_idea",
        "kind": "paper",
        "licence": "MIT",
        "author": "A. Author",
        "year": 2031,
        "version": "0.7",
    }
    return Package(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_the_file_set(kind: str) -> None:
    own = {f"mmx_tiny_idea/{name}" for name in OWN[kind] | UNTESTED[kind]}
    tests = {f"tests/test_{name}" for name in OWN[kind]}
    assert {path for path, _ in render(package(kind=kind))} == COMMON | own | tests


def slot(name: str) -> str:
    """Return the slot that a file or folder of a paper fills."""
    module = name.removesuffix(".py")
    return name if name in SLOTS else module


def test_a_new_paper_gets_the_slots() -> None:
    inside = [path.split("/")[1] for path, _ in render(package()) if path.startswith("mmx_tiny_idea/")]
    assert {slot(name) for name in inside} == SLOTS


@pytest.mark.parametrize("paper", PAPERS)
def test_our_papers_have_the_slots_that_a_new_paper_gets(paper: str) -> None:
    """A paper that only wires shared parts has no model, objective or evaluation of its own."""
    found = {slot(path.name) for path in (ROOT / "plugins" / paper).iterdir()}
    assert sorted(SLOTS - found - {"model", "objective", "evaluation"}) == []


def test_our_papers_are_found() -> None:
    assert "mmx_soundnet" in PAPERS


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_no_stand_in_is_left(kind: str) -> None:
    for path, text in render(package(kind=kind)):
        assert not re.search(r"my.plugin|[A-Z]+_(NAME|ID|VERSION|SUMMARY)\b|\bYEAR\b", path + text), path


def test_values_reach_the_files() -> None:
    files = dict(render(package()))
    assert 'name = "mmx-tiny-idea"' in files["pyproject.toml"]
    assert 'tiny_idea = "mmx_tiny_idea"' in files["pyproject.toml"]
    assert '"mmx>=0.7"' in files["pyproject.toml"]
    assert "Copyright (c) 2031 A. Author" in files["LICENSE"]
    assert 'registry.encoder("tiny_idea/tower", "mmx_tiny_idea.model:Tower")' in files["mmx_tiny_idea/__init__.py"]


@pytest.mark.parametrize("licence", scaffold.LICENCES)
def test_licences(licence: str) -> None:
    files = dict(render(package(licence=licence)))
    assert f'license = "{scaffold.LICENCES[licence]}"' in files["pyproject.toml"]
    assert len(files["LICENSE"]) > 100


def test_the_apache_licence_is_our_own_word_for_word() -> None:
    assert dict(render(package(licence="Apache-2.0")))["LICENSE"] == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be the name of a plugin"),
        ("My-Idea", r"cannot be the name of a plugin.*try: mmx new my_idea$"),
        ("mmx_foo_", r"try: mmx new foo$"),
        ("mmx_foo", "'mmx_foo': the package is called mmx_NAME anyway; try: mmx new foo$"),
        ("9lives", r"try: mmx new lives$"),
        ("a__b", r"try: mmx new a_b$"),
        ("x" * 25, "up to 24 of"),
        ("../evil", r"cannot be the name.*try: mmx new evil$"),
        ("naïve", "cannot be the name"),
        ("class", "is a word of the Python language; try: mmx new class_paper"),
        ("match", "is a word of the Python language"),
        ("std", "is reserved by mmx"),
        ("mmx", "is reserved by mmx"),
        ("foo", r"there is a plugin 'foo' already \(mmx-foo 1.0\); see: mmx plugins"),
        ("tiny", "there is an experiment 'tiny' already; see: mmx show tiny"),
        ("taken", "a module mmx_taken is installed already"),
    ],
)
def test_bad_names(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_name(name, {"foo": "mmx-foo 1.0"}, ["tiny"], ["mmx_taken"])


@pytest.mark.parametrize("name", ["a", "ogm_ge", "clip2", "x" * 24])
def test_good_names(name: str) -> None:
    check_name(name, {"foo": "mmx-foo 1.0"}, ["tiny"])


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "idea").mkdir()
    (tmp_path / "idea" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is there already; choose another: mmx new tiny_idea --folder FOLDER"):
        write(tmp_path / "idea", package())
    assert [path.name for path in (tmp_path / "idea").iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "idea").mkdir()
    files = write(tmp_path / "idea", package())
    assert all(file.is_file() for file in files)
    assert {path.name for path in tmp_path.iterdir()} == {"idea"}, "nothing temporary is left"


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: Path, text: str) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scaffold, "_write", fail)
    with pytest.raises(UserError, match="No space left on device"):
        write(tmp_path / "idea", package())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("author", ['A "quoted" name', "two\nlines", "back\\slash", "{braces}", "x" * 81])
def test_authors_that_would_break_a_file(author: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--author"):
        write(tmp_path / "idea", package(author=author))
