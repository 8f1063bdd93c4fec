"""Files and definitions found without importing."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from mmx.registry import source


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mmx_loud"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')\nfrom .deep.model import Conv as Shown\n")
    (folder / "deep" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (folder / "deep" / "model.py").write_text(
        "from .. import deep\nfrom ..other import thing\nclass Conv: ...\nif True:\n    A = 1\nelse:\n    A = 2\n"
        "try:\n    B: int = 3\nexcept ImportError:\n    B = None\nAlias = Conv\nLoop = Loop\nMade = make()\n"
    )
    (folder / "other.py").write_text("def thing(): ...\nthing = 4\n")
    (folder / "broken.py").write_text("def (\n")
    monkeypatch.syspath_prepend(tmp_path)
    source.read.cache_clear()
    return folder


def test_finds_files_without_importing_packages(package: Path) -> None:
    assert source.find_file("mmx_loud") == package / "__init__.py"
    assert source.find_file("mmx_loud.deep.model") == package / "deep" / "model.py"
    for missing in ("mmx_loud.none", "mmx_loud.other.none", "mmx_nowhere.model", "sys", "__main__"):
        assert source.find_file(missing) is None or missing == "__main__"
    assert "mmx_loud" not in sys.modules


def test_follows_imports_and_aliases(package: Path) -> None:
    for module, name in (("mmx_loud", "Shown"), ("mmx_loud.deep.model", "Conv"), ("mmx_loud.deep.model", "Alias")):
        found = source.definition(module, name)
        assert found is not None
        assert found[0].file == package / "deep" / "model.py"
        assert isinstance(found[1], ast.ClassDef) and found[1].name == "Conv"
    relative = source.definition("mmx_loud.deep.model", "thing")
    assert relative is not None and relative[0].constant("thing") is not None
    assert "mmx_loud" not in sys.modules


def test_ends_where_the_trail_ends(package: Path) -> None:
    assert source.definition("mmx_loud", "Nothing") is None
    assert source.definition("mmx_loud.deep.model", "deep") is None
    assert source.definition("mmx_loud.broken", "x") is None
    assert source.definition("mmx_loud.deep.model", "Loop") is not None
    made = source.definition("mmx_loud.deep.model", "Made")
    assert made is not None and isinstance(made[1], ast.Assign)


def test_the_main_branch_of_a_condition_counts(package: Path) -> None:
    model = source.read("mmx_loud.deep.model")
    assert model is not None
    assert [ast.literal_eval(model.constant(name) or ast.Constant(None)) for name in "AB"] == [1, 3]
    assert model.constant("Conv") is None
