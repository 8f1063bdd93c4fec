"""Comparisons with published evaluators: run by hand, `pytest tests/parity`, with the extra `parity` installed."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def by_hand(request: pytest.FixtureRequest) -> None:
    asked = [os.path.relpath(str(each).partition("::")[0]) for each in request.config.args]
    if not any(each.replace(os.sep, "/").startswith("tests/parity") for each in asked):
        pytest.skip("compares with other packages; run: pytest tests/parity")
