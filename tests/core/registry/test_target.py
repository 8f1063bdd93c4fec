"""Targets: imported when asked for; every fault says whose target it is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mmx.errors import PluginError
from mmx.registry import target


def test_a_target_is_imported() -> None:
    assert target.load("math:sqrt", "x") is math.sqrt


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere_at_all:f", "head 'a/b': cannot import nowhere_at_all: ModuleNotFoundError"),
        ("math:sqr", "head 'a/b': math has no 'sqr'; did you mean 'sqrt'"),
        ("leaves_early:f", "head 'a/b': cannot import leaves_early: SystemExit: bye"),
    ],
)
def test_a_fault_says_whose_it_is(name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves_early.py").write_text("raise SystemExit('bye')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError) as caught:
        target.load(name, "head 'a/b'")
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("text", ["a.b:C", "_a:b_1"])
def test_the_form_is_module_and_attribute(text: str) -> None:
    assert target.FORM.fullmatch(text)


@pytest.mark.parametrize("text", ["a.b", "a:b.c", ":b", "a:", "a b:c", "1a:b"])
def test_other_forms_are_refused(text: str) -> None:
    assert not target.FORM.fullmatch(text)
