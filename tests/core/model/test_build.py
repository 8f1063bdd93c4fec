"""Building: seeds per part, nested parts, filled-in values, errors that say where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import nn

from mmx.config.experiment import Part
from mmx.errors import PluginError, PortError, UnknownNameError, UserError
from mmx.interfaces import Objective
from mmx.model.build import Builder, build
from mmx.registry.registry import Registrar
from tests.core.parts import Entropy, experiment, registry


class Both:
    """Two objectives."""

    def __init__(self, parts: Sequence[Objective], weight: float = 1.0) -> None:
        if weight < 0:
            raise ValueError(f"weight {weight} is negative")
        self.parts = parts


class Nothing:
    """Has no `chance`."""

    def __call__(self) -> None:
        return None


def extended() -> Builder:
    found = registry()
    registrar = Registrar(found, "t", "tests 0")
    registrar.objective("t/both", f"{__name__}:Both")
    registrar.objective("t/nothing", f"{__name__}:Nothing")
    return Builder(found, seed=0)


def test_everything_is_built_and_fits() -> None:
    built = build(experiment(), registry())
    assert built.model.encoders["x"].out_dim == 3
    assert built.model.fields == {"x": "x"}
    assert built.stages[0].needs() == ("heads.label", "targets.label")
    assert built.stages[0].corpus is built.corpus


def test_initial_weights_depend_on_seed_and_place_alone() -> None:
    def head(**changes: object) -> torch.Tensor:
        return build(experiment(**changes), registry()).model.heads["label"].linear.weight

    one = head()
    assert torch.equal(one, head(encoders={"y": {"use": "t/numbers", "field": "x"}, "x": {"use": "t/numbers"}}))
    assert not torch.equal(one, head(settings={"seed": 1}))


def test_parts_nest_in_sequences() -> None:
    part = Part.model_validate({"use": "t/both", "parts": [{"use": "t/entropy"}, {"use": "t/entropy", "head": "z"}]})
    builder = extended()
    built = builder.registry.lookup("objective", "t/both").load()
    assert built is Both
    with pytest.raises(PortError, match=r"stages\.s\.objective \(t/both\): is no objective: it has no 'chance'"):
        builder.part(part, "objective", "stages.s.objective")
    inside = builder._value(part.params["parts"], _signature(builder), "parts", "o", {})
    assert [type(each) for each in inside] == [Entropy, Entropy]
    assert inside[1].head == "z"


def _signature(builder: Builder) -> object:
    from mmx.registry.schema import signature

    return signature(builder.registry.lookup("objective", "t/both").target)


def test_a_constructor_that_refuses_is_told_with_its_place() -> None:
    part = Part(use="t/both", params={"parts": [], "weight": -1.0})
    with pytest.raises(UserError, match=r"o \(t/both\): weight -1.0 is negative; see: mmx show t/both"):
        extended().part(part, "objective", "o")


class Colours:
    """A head whose constructor looks something up that is not there.

    Args:
        classes: The corpus's targets.
        target: One of them.
    """

    needs = ()

    def __init__(self, classes: Mapping[str, Sequence[str] | None], target: str) -> None:
        if target == "divide":
            raise ZeroDivisionError("division by zero")
        self.names = classes[target]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("color", r"KeyError: 'color' \(test_build\.py:\d+\); did you mean 'colour'\?; classes: colour, shape$"),
        ("x", r"KeyError: 'x' \(test_build\.py:\d+\); classes: colour, shape$"),
        ("divide", r"ZeroDivisionError: division by zero \(test_build\.py:\d+\)$"),
    ],
)
def test_a_constructor_that_raises_is_told_with_its_place_and_what_there_was(target: str, told: str) -> None:
    found = registry()
    Registrar(found, "t", "tests 0").head("t/colours", f"{__name__}:Colours")
    part = Part(use="t/colours", params={"target": target})
    with pytest.raises(PluginError, match=r"heads\.c \(t/colours\): building it raised " + told):
        Builder(found, 0).part(part, "head", "heads.c", classes={"colour": ["red"], "shape": None})


def test_what_lacks_its_interface_is_refused() -> None:
    with pytest.raises(PortError, match="it has no 'chance'"):
        extended().part(Part(use="t/nothing"), "objective", "o")


def test_a_part_that_is_no_module_is_refused() -> None:
    found = registry()
    Registrar(found, "t", "tests 0").head("t/plain", f"{__name__}:PlainHead")
    with pytest.raises(PortError, match=r"heads\.label: PlainHead must be a torch\.nn\.Module"):
        build(experiment(heads={"label": "t/plain"}), found)


class PlainHead:
    """A head that is no module."""

    needs = ("fused.x",)

    def __call__(self, fused: object, batch: object) -> None:
        return None


def test_unknown_assets_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no asset 't/weights'; see: mmx fetch"):
        extended().part(Part(use="t/both", params={"parts": "asset:t/weights"}), "objective", "o")


def test_modules_are_modules() -> None:
    assert isinstance(build(experiment(), registry()).model, nn.Module)
