"""A lack of memory is known by what was raised, and becomes one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError, TrainingError
from mmx.support.memory import is_lacking, lack_named


def really() -> list[Exception]:
    """What numpy, torch and Python raise when they are asked for more than any machine has."""
    found: list[Exception] = []
    for ask in (lambda: np.ones(1 << 50), lambda: torch.ones(1 << 50), lambda: bytearray(1 << 60)):
        try:
            ask()
        except (MemoryError, RuntimeError) as error:
            found.append(error)
    return found


def test_real_errors_become_one_line_that_says_what_helps() -> None:
    errors = [*really(), torch.OutOfMemoryError("CUDA out of memory. Tried"), OSError(12, "Cannot allocate memory")]
    assert len(errors) == 5
    for error in errors:
        assert is_lacking(error), error
        with (
            pytest.raises(TrainingError, match=r"^out of memory while judging: [^\n]+; lower task\.clips$"),
            lack_named("while judging", "lower task.clips", TrainingError),
        ):
            raise error


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OSError(2, "No such file"), PortError("out of memory")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, lack_named("", "", DataError):
        raise error
    assert caught.value is error
