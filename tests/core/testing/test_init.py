"""Findings and checks are plain values; an error of a part is a finding."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mmx.errors import AssetError, UserError
from mmx.testing import Check, Finding


def test_an_error_is_a_finding_and_a_missing_asset_is_a_reason_to_skip() -> None:
    def raises(error: BaseException) -> Callable[[], Any]:
        def look() -> Any:
            yield Finding("first", True)
            raise error

        return look

    first, second = Check("it", raises(ValueError("no"))).findings()
    assert (first.ok, second.what, second.ok) == (True, "it", False)
    assert re.fullmatch(r"ValueError: no \(test_init\.py:\d+\)", second.detail), "what, and where"
    *_, own = Check("it", raises(UserError("one\ntwo"))).findings()
    assert own.detail == "one two", "what mmx raises on purpose says it all"
    *_, left = Check("it", raises(SystemExit(3))).findings()
    assert left.detail.startswith("SystemExit: 3")
    *_, skipped = Check("it", raises(AssetError("mmx fetch foo"))).findings()
    assert (skipped.ok, skipped.skipped, skipped.detail) == (True, True, "mmx fetch foo")


def test_a_finding_cannot_be_changed() -> None:
    finding = Finding("ports fit", True)
    assert finding.detail == ""
    with pytest.raises(AttributeError):
        finding.ok = False  # type: ignore[misc]
