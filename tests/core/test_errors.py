"""The tree of errors: what the command line returns, and how the nearest name is offered."""

from __future__ import annotations

import inspect

import pytest

from mmx import errors
from mmx.errors import ConfigError, MmxError, UserError, did_you_mean

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MmxError)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_users_mistakes_exit_with_2_and_failures_with_1(kind: type[MmxError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, UserError) else 1)


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in drawn] == []


def test_a_configuration_keeps_its_problems_apart() -> None:
    error = ConfigError(["a:1:1: x", "a:2:1: y"])
    assert error.problems == ("a:1:1: x", "a:2:1: y")
    assert str(error) == "a:1:1: x\na:2:1: y"


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("sondnet", ["soundnet", "vatt"], "; did you mean 'soundnet'?"),
        ("conv", ["conv8", "conv5"], "; did you mean 'conv8' or 'conv5'?"),
        ("xyz", ["soundnet"], ""),
        ("a", [], ""),
    ],
)
def test_the_nearest_names_are_offered(name: str, known: list[str], expected: str) -> None:
    found = did_you_mean(name, known)
    assert sorted(found) == sorted(expected) and found[:14] == expected[:14]
