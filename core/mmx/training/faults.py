"""Names for what ends training from outside: a worker that was killed, memory that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mmx.errors import MmxError, TrainingError
from mmx.support.memory import first_line, is_lacking

if TYPE_CHECKING:
    from mmx.config.experiment import Settings, Stage

_WORKER: Final = re.compile(r"DataLoader worker .*(exited unexpectedly|is killed by signal|Bus error)", re.S)
_SHARED: Final = re.compile(r"shared memory|shm_open|Bus error")


@contextmanager
def named(stage: Stage, settings: Settings) -> Iterator[None]:
    """Turn a worker's death and a lack of memory inside the block into one line that says what to lower.

    Raises:
        TrainingError: Instead of torch's and Python's own errors; every other error passes.
    """
    try:
        yield
    except MmxError:
        raise
    except (RuntimeError, MemoryError, OSError) as error:
        told = advice(error, stage, settings)
        if told is None:
            raise
        raise TrainingError(told) from error


def advice(error: Exception, stage: Stage, settings: Settings) -> str | None:
    """Return what happened and what to lower, or None where the error is another one.

    Args:
        error: What was raised.
        stage: The stage that was training.
        settings: The run's settings.
    """
    said = str(error)
    workers, batch = f"settings.workers (now {settings.workers})", f"stages.{stage.name}.batch_size"
    batch += f" (now {stage.batch_size})"
    first = first_line(error)
    if _WORKER.search(said):
        why = "shared memory is full" if _SHARED.search(said) else "most likely the system ran out of memory"
        kept = f", settings.cache_samples (now {settings.cache_samples})" if settings.cache_samples else ""
        died = f"a process that prepares samples died in stage {stage.name}: {first}"
        return f"{died}; {why}: lower {workers}{kept} or {batch}"
    if is_lacking(error):
        also = f" or {workers}" if settings.workers else ""
        lower = f"lower {batch}{also}, and raise stages.{stage.name}.accumulate to make up for it"
        return f"out of memory in stage {stage.name}: {first}; {lower}"
    return None
