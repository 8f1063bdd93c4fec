"""The ports that a stage reads, over all its updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from mmx.model.built import BuiltStage, BuiltUpdate


def stage(*needs: Sequence[str] | None) -> BuiltStage:
    unused = cast(Any, None)
    return BuiltStage(unused, unused, tuple(BuiltUpdate(unused, unused, each) for each in needs))


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ([("fused.a",)], ("fused.a",)),
        ([("fused.b", "fused.a"), ("heads.x", "fused.b")], ("fused.b", "fused.a", "heads.x")),
        ([(), ("fused.a",)], ("fused.a",)),
        ([("fused.a",), None], None),
    ],
    ids=["one update", "no port twice", "an update that reads nothing", "an update that reads everything"],
)
def test_a_stage_reads_what_any_of_its_updates_reads(
    needs: Sequence[Sequence[str] | None], expected: Sequence[str] | None
) -> None:
    assert stage(*needs).needs() == expected
