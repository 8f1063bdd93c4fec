"""Ports: what does not fit is told before anything is computed, all at once, with what would fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.model.build import build
from mmx.model.ports import loss_of
from mmx.registry.registry import Registrar
from tests.core.parts import Classify, Line, experiment, registry


class Silent(Line):
    """A corpus of images."""

    fields: Mapping[str, str] = {"image": "image", "x": "image", "sensor": "signal"}


def fault(**changes: Any) -> str:
    found = registry()
    registrar = Registrar(found, "t", "tests 0")
    registrar.corpus("t/silent", f"{__name__}:Silent")
    registrar.head("t/late", f"{__name__}:Late")
    with pytest.raises(PortError) as caught:
        build(experiment(**changes), found)
    return str(caught.value)


def test_a_missing_field_names_what_the_corpus_offers() -> None:
    text = fault(encoders={"imgae": {"use": "t/numbers"}, "x": {"use": "t/numbers"}}, corpus="t/silent")
    assert text.startswith("encoders.imgae (t/numbers) reads field 'imgae', which corpus t/silent does not have")
    assert "did you mean 'image'?" in text
    assert "it offers image (image), sensor (signal), x (image)" in text


def test_another_modality_names_the_field_that_would_fit() -> None:
    assert "encoders.x takes signal, but field 'x' is image; set encoders.x.field=sensor" in fault(corpus="t/silent")


def test_what_is_inside_a_part_is_known_when_it_is_built() -> None:
    text = fault(stage={"trains": ["encoders.x.linaer", "heads.label.linear.bias"]})
    assert text == "stages.fit.trains: no part 'encoders.x.linaer'; did you mean 'encoders.x.linear'?"
    assert "stages.fit.trains: no part 'objective.scale'" in fault(stage={"trains": ["heads", "objective.scale"]})


def test_an_objective_that_reads_a_missing_head_and_target() -> None:
    text = fault(stage={"objective": {"use": "t/entropy", "head": "lable", "target": "colour"}})
    first, second = text.splitlines()
    assert first == (
        "stages.fit.objective reads 'heads.lable', which is not there; did you mean 'label'?; there is: heads.label"
    )
    assert second == "stages.fit.objective reads 'targets.colour', which is not there; there is: targets.label"


class Late(Classify):
    """Reads what no fuser makes."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__(dims)
        self.needs = ("fused.joint", "heads.label")


def test_a_head_that_reads_a_missing_feature() -> None:
    first, second = fault(heads={"label": {"use": "t/classify"}, "other": {"use": "t/late"}}).splitlines()
    assert first == "heads.other reads 'fused.joint', which is not there; there is: fused.x"
    assert second == "heads.other reads 'heads.label', which is not there; there is: none"


def test_a_task_that_reads_what_is_not_there() -> None:
    assert "task reads 'heads.label', which is not there; there is: none" in fault(heads={}, stages=[])


def test_a_stage_with_its_own_corpus_is_checked_against_it() -> None:
    text = fault(stage={"corpus": "t/silent"})
    assert text.startswith("stages.fit: encoders.x takes signal, but field 'x' is image")


def test_the_loss_of_an_objective() -> None:
    loss = torch.tensor(2.0)
    assert loss_of({"loss": loss, "term": loss}, "o") is loss
    with pytest.raises(PortError, match=r"^o returned Tensor; it must return "):
        loss_of(loss, "o")
    with pytest.raises(PortError, match=r"^o returned a mapping without it \(term, other\); it must return "):
        loss_of({"term": loss, "other": loss}, "o")
