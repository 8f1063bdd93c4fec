"""A finding is a plain value."""

from __future__ import annotations

import pytest

from mmx.testing import Finding


def test_a_finding_cannot_be_changed() -> None:
    finding = Finding("ports fit", True)
    assert finding.detail == ""
    with pytest.raises(AttributeError):
        finding.ok = False  # type: ignore[misc]
