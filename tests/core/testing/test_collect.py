"""One line in a test file becomes one test per check."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.testing import Check, Finding, plugin_tests
from tests.core.testing.packages import package


def test_parameters_and_outcomes(tmp_path: Path) -> None:
    test = plugin_tests("collect_idea", folder=package(tmp_path, "collect_idea"), runs=False)
    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    assert "encoder-collect_idea/tower" in mark.kwargs["ids"]
    assert len(mark.kwargs["ids"]) == len(set(mark.kwargs["ids"])) == len(mark.args[1])
    test(Check("fine", lambda: iter([Finding("fine", True)])))
    with pytest.raises(pytest.fail.Exception, match="wrong: because"):
        test(Check("wrong", lambda: iter([Finding("wrong", False, "because")])))
    with pytest.raises(pytest.skip.Exception, match="no asset"):
        test(Check("absent", lambda: iter([Finding("absent", True, "no asset", skipped=True)])))
