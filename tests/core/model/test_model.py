"""Model: which parts run for which needs, and how frozen parts behave."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import nn

from mmx.data.lazy import LazyFields
from mmx.errors import PortError
from mmx.model.model import Model, widths
from mmx.types import Batch, Features, Sample
from tests.core.parts import Classify, Numbers, Same


def model(frozen: tuple[str, ...] = ()) -> Model:
    torch.manual_seed(0)
    encoders = {"x": Numbers(), "y": Numbers(out_dim=5)}
    fuser = Same({"x": 3, "y": 5})
    heads = {"a": Classify({"x": 3, "y": 5}), "b": Classify({"x": 3, "y": 5}, reads="y")}
    return Model(encoders, fuser, heads, {"x": "x", "y": "x"}, frozen)


def batch(built: Model) -> Batch:
    return built.prepare([Sample("1", {"x": [1, 2, 3, 4]}), Sample("2", {"x": [0, 1, 0, 1]})])


@pytest.mark.parametrize(
    ("needs", "encoders", "fuse", "heads"),
    [
        (("heads.a",), ("x",), True, ("a",)),
        (("heads.b", "targets.label"), ("y",), True, ("b",)),
        (("encoded.y",), ("y",), False, ()),
        (("fused.x", "encoded.y"), ("x", "y"), True, ()),
        (None, ("x", "y"), True, ("a", "b")),
    ],
)
def test_plan_runs_only_what_is_needed(
    needs: tuple[str, ...] | None, encoders: tuple[str, ...], fuse: bool, heads: tuple[str, ...]
) -> None:
    assert model().plan(needs)[:3] == (encoders, fuse, heads)


def test_forward_leaves_unneeded_encoders_alone() -> None:
    built = model()
    outputs = built(batch(built), ("heads.a",))
    assert set(outputs.heads) == {"a"}
    assert built.encoders["x"].calls == 1
    assert built.encoders["y"].calls == 0


class Later(nn.Module):
    """A fuser that computes each output when it is first read, and records under which gradient mode."""

    dims: ClassVar[dict[str, int]] = {"x": 3, "y": 5}

    def __init__(self) -> None:
        super().__init__()
        self.computed: dict[str, bool] = {}

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        def compute(name: str) -> Features:
            self.computed[name] = torch.is_grad_enabled()
            return features[name]

        return LazyFields({name: partial(compute, name) for name in features})


def test_a_fuser_may_compute_only_what_is_read_and_does_it_within_the_pass() -> None:
    built = model()
    built.fuser = Later()
    data = batch(built)
    built(data, ("heads.b", "encoded.x"))
    assert built.fuser.computed == {"y": True}
    with torch.no_grad():
        outputs = built(data, ("fused.x", "encoded.y"))
    assert built.fuser.computed == {"y": True, "x": False}, "before the caller leaves its gradient mode"
    assert not outputs.fused["x"].pooled_BD.requires_grad
    built.fuser.computed.clear()
    built(data)
    assert set(built.fuser.computed) == {"x", "y"}


def test_forward_is_the_composition_of_its_parts() -> None:
    built = model()
    data = batch(built)
    expected = built.heads["a"].linear(built.encoders["x"].linear(data.inputs["x"]))
    torch.testing.assert_close(built(data).heads["a"], expected)


def test_parts_that_return_something_else_are_told() -> None:
    built = model()
    data = batch(built)
    encoder = built.encoders["x"]
    encoder.forward = lambda x, mask_BT=None: x
    with pytest.raises(PortError, match=r"encoders\.x returned Tensor; it must return mmx\.types\.Features"):
        built(data, ("encoded.x",))
    del encoder.forward
    built.fuser.forward = lambda features, batch: list(features)
    with pytest.raises(PortError, match="the fuser returned list"):
        built(data, ("fused.x",))


def test_cached_features_replace_the_encoder() -> None:
    built = model()
    data = batch(built)
    data.cached["x"] = Features(torch.ones(2, 3))
    torch.testing.assert_close(built(data, ("encoded.x",)).encoded["x"].pooled_BD, torch.ones(2, 3))
    assert built.encoders["x"].calls == 0


def test_fuser_without_requires_needs_every_encoder() -> None:
    class Joint(nn.Module):
        dims: ClassVar[dict[str, int]] = {"joint": 8}

        def forward(self, features: dict[str, Features], batch: Batch) -> dict[str, Features]:
            joint = torch.cat([features[name].pooled_BD for name in sorted(features)], -1)
            return {"joint": Features(joint)}

    built = model()
    built.fuser = Joint()
    assert built.plan(("fused.joint",)).encoders == ("x", "y")


def test_frozen_encoders_stay_in_evaluation_mode_and_get_no_gradient() -> None:
    built = model(frozen=("x",)).train()
    assert not built.encoders["x"].training
    assert built.encoders["y"].training
    built(batch(built))
    loss = sum(head.sum() for head in built(batch(built)).heads.values())
    loss.backward()
    assert all(parameter.grad is None for parameter in built.encoders["x"].parameters())
    assert all(parameter.grad is not None for parameter in built.encoders["y"].parameters())


def test_widths_are_known_by_port_where_encoder_and_fuser_share_a_name() -> None:
    known = widths({"x": 3, "y": 5}, {"x": 8, "joint": 2})
    assert known["encoded.x"] == 3
    assert known["fused.x"] == known["x"] == 8
    assert known["y"] == known["encoded.y"] == 5
    assert known["joint"] == known["fused.joint"] == 2
