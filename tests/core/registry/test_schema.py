"""Signatures from text, against the same signatures as Python itself sees them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmx.errors import PluginError
from mmx.registry.schema import Expression, signature
from mmx.registry.validation import problems

PARTS = "tests.core.toys.parts"


def test_reads_a_class_that_cannot_be_imported() -> None:
    known = signature(f"{PARTS}:Conv")
    assert (known.summary, known.extra) == ("Convolutions over a waveform.", False)
    assert "More about it." in known.doc
    assert known.file.name == "parts.py"
    assert known.file.read_text().splitlines()[known.line - 1].startswith("class Conv")
    assert list(known.params) == ["width", "layers", "mode", "weights", "depth", "activation", "drop"]
    assert f"{PARTS}" not in sys.modules


def test_names_types_defaults_ranges_and_help() -> None:
    params = signature(f"{PARTS}:Conv").params
    width = params["width"]
    assert (width.annotation, width.default, width.required, width.nullable) == ("float", 1.0, False, False)
    assert (width.constraint, width.help) == ("> 0, < 4", "Factor on every channel count.")
    assert (params["layers"].default, params["layers"].help) == ((8, 16), "Channels of each layer, from the first.")
    assert (params["mode"].annotation, params["mode"].help) == ("Literal['sum', 'mean']", "How it pools.")
    assert (params["weights"].annotation, params["weights"].nullable) == ("str | None", True)
    assert params["depth"].default == 4
    assert params["activation"].default == Expression("nn.ReLU")
    drop = params["drop"]
    assert (drop.annotation, drop.constraint, drop.nullable) == ("float | None", ">= 0, <= 1", True)
    assert signature(f"{PARTS}:Mel").params["rate"].annotation == "int"


def test_nested_and_filled_parameters() -> None:
    image = signature(f"{PARTS}:Frames").params["image"]
    assert (image.kind, image.required, image.filled) == ("encoder", True, False)
    weighted = signature(f"{PARTS}:Weighted").params
    assert (weighted["objectives"].kind, weighted["weights"].kind) == ("objective", None)
    assert signature(f"{PARTS}:Clips").params["talkers"].kind == "corpus"
    linear = signature(f"{PARTS}:Linear").params
    assert [name for name, param in linear.items() if param.filled] == ["dims", "classes"]
    assert signature(f"{PARTS}:adamw").params["params"].filled
    assert signature(f"{PARTS}:cosine").params["total_steps"].filled


def test_functions() -> None:
    adamw = signature(f"{PARTS}:adamw")
    assert adamw.extra
    assert list(adamw.params) == ["params", "lr"]
    assert (adamw.params["lr"].help, adamw.params["lr"].constraint) == ("Learning rate.", "> 0")
    assert adamw.summary == "Adam with decoupled weight decay."


def test_dataclasses_and_inherited_constructors() -> None:
    clips = signature(f"{PARTS}:Clips").params
    assert list(clips) == ["clips", "noise", "talkers"]
    assert clips["noise"].default == Expression("dict")
    judge = signature(f"{PARTS}:Judge")
    assert {name: param.required for name, param in judge.params.items()} == {"title": True, "size": False}
    assert (judge.summary, judge.params["title"].help) == ("Judges.", "What it is called.")
    assert signature(f"{PARTS}:NoFusion").params == {}


@pytest.mark.parametrize("target", [f"{PARTS}:judge", "tests.core.toys.again:Renamed"])
def test_aliases_and_re_exports_are_followed(target: str) -> None:
    assert signature(target).file.name == "parts.py"
    assert signature(target).params


def test_falls_back_to_importing() -> None:
    for attribute, required in (("half", {"size"}), ("made", {"size"})):
        known = signature(f"tests.core.toys.live:{attribute}")
        assert {name for name, param in known.params.items() if param.required} == required
    made = signature("tests.core.toys.live:made")
    assert (made.params["size"].annotation, made.params["size"].help) == ("int", "How big.")
    assert made.params["mode"].annotation == "Literal['a', 'b']"
    assert isinstance(made.params["shape"].default, Expression)
    assert made.file.name == "live.py" and made.line > 1
    inherits = signature("tests.core.toys.live:Inherits")
    assert (inherits.summary, list(inherits.params)) == ("Takes whatever its base takes.", ["left", "right"])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tests.core.toys.nothing:X", "cannot import tests.core.toys.nothing: ModuleNotFoundError"),
        (f"{PARTS}:Odd", "cannot import .*ImportError: components are read, not imported"),
        ("tests.core.toys.live:plian", "has no 'plian'; did you mean 'plain'"),
        ("tests.core.toys.live:number", "is no class or function"),
    ],
)
def test_targets_that_are_not_there(target: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        signature(target)


def test_is_cached_for_the_process() -> None:
    assert signature(f"{PARTS}:Conv") is signature(f"{PARTS}:Conv")


def test_problems_name_the_component() -> None:
    known = signature(f"{PARTS}:Mel")
    assert problems(known, {"bnads": 3}, name="mel") == [
        ("bnads", "mel has no parameter 'bnads'; did you mean 'bands'?")
    ]
    assert problems(known, {"zzz": 3}, name="toy/mel") == [
        ("zzz", "toy/mel has no parameter 'zzz'; it takes: bands, rate")
    ]
    assert problems(known, {"bands": 3}, name="mel") == []


def test_the_text_of_a_real_module_agrees_with_inspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inspect

    (tmp_path / "mmx_agree.py").write_text(
        "class A:\n"
        "    def __init__(self, a, /, b: int = 1, *args: int, c: 'str', d: float = -2.5, **kw: int) -> None: ...\n"
        "class B(A): ...\n"
        "def f(x: int, y=(1, 'a'), *, z={'k': [True, None]}): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import mmx_agree  # type: ignore[import-not-found]

    for name in ("A", "B", "f"):
        told = inspect.signature(getattr(mmx_agree, name)).parameters
        known = signature(f"mmx_agree:{name}")
        named = {key: each for key, each in told.items() if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)}
        assert list(known.params) == list(named)
        for key, each in named.items():
            assert known.params[key].required == (each.default is each.empty)
            assert known.params[key].default == (None if each.default is each.empty else each.default)
        assert known.extra == any(each.kind is each.VAR_KEYWORD for each in told.values())


def test_a_base_class_describes_its_parameters_for_its_subclasses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "heirs_of_help.py").write_text(
        "class Base:\n"
        '    """Base.\n\n    Args:\n        width: Of the base.\n        depth: Of the base.\n    """\n\n'
        "    def __init__(self, width: int = 1, depth: int = 2) -> None: ...\n\n\n"
        "class Silent(Base):\n"
        '    """Says nothing of its parameters."""\n\n\n'
        "class Own(Base):\n"
        '    """Own.\n\n    Args:\n        depth: Of its own.\n    """\n\n'
        "    def __init__(self, width: int = 3, depth: int = 4) -> None: ...\n"
    )
    helps = {name: signature(f"heirs_of_help:{name}").params for name in ("Silent", "Own")}
    assert [param.help for param in helps["Silent"].values()] == ["Of the base.", "Of the base."]
    assert [param.help for param in helps["Own"].values()] == ["Of the base.", "Of its own."]
    assert helps["Own"]["width"].default == 3
