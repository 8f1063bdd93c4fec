"""The model and the run that tasks are given have everything that the interfaces promise."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mmx import interfaces
from mmx.model.build import build
from mmx.plugins.loader import load_plugins
from mmx.runs.context import RunContext
from mmx.runs.progress import Quiet
from tests.core.parts import experiment, registry


def members(protocol: type) -> list[str]:
    own = [name for name in vars(protocol) if not name.startswith("_") or name == "__call__"]
    return [*own, *protocol.__annotations__]


def test_a_built_model_has_every_member() -> None:
    model = build(experiment(), registry()).model
    assert {"encoders", "fuser", "heads", "prepare", "plan", "encode", "__call__"} <= set(members(interfaces.Model))
    assert [name for name in members(interfaces.Model) if not hasattr(model, name)] == []


def test_the_context_of_a_run_has_every_member(tmp_path: Path) -> None:
    context = RunContext(
        id="one",
        experiment="numbers",
        seed=0,
        device=torch.device("cpu"),
        folder=tmp_path,
        display=Quiet(),
        plugins=load_plugins(environ={"MMX_PLUGINS": ""}),
        tracker=None,
        build_model=lambda: build(experiment(), registry()).model,
    )
    assert [name for name in members(interfaces.Run) if not hasattr(context, name)] == []


def undocumented(protocol: type) -> Iterator[str]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(protocol))).body
    assert isinstance(node, ast.ClassDef)
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign):
            told = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            if not told:
                yield ast.unparse(statement.target)
        elif isinstance(statement, ast.FunctionDef) and not ast.get_docstring(statement):
            yield statement.name


@pytest.mark.parametrize("name", ["Encoder", "Fuser", "Head", "Objective", "Corpus", "Task", "Model", "Run"])
def test_every_member_is_documented(name: str) -> None:
    assert list(undocumented(getattr(interfaces, name))) == []
