"""Delivery of a growing journal to MLflow in a thread that outlasts any failure of MLflow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from mmx.support.redact import redact_address
from mmx.tracking.mlflow_client import Unreachable, client_environment, one_line
from mmx.tracking.mlflow_sink import MlflowSink
from mmx.tracking.uri import is_http, run_link

INTERVAL: Final = 1.0
RETRY: Final = 30.0
"""Seconds between attempts while MLflow is away; each costs this thread at most the two seconds of the probe."""

AT_THE_END: Final = 5.0
"""Seconds that a server may take at the end of a run, whatever it does; the rest is for `mmx sync`."""
STALLED: Final = 60.0
"""Seconds without progress after which `mmx sync` gives a server up."""

WINDOW: Final = 1.0
"""Seconds over which a process that ends looks at whether the delivery is at work."""
AT_WORK: Final = 0.01
"""Share of a core that tells work (importing mlflow, making tables on a loaded machine) from waiting for an answer."""


class Follower(threading.Thread):
    """Delivers `folder`'s journal to `uri` once a second until it is stopped.

    Args:
        folder: The run folder.
        uri: Tracking URI.
        say: Called with one line for each problem; an outage is one problem.
        announce: Called with the MLflow run's `uri`, `experiment_id` and `run_id` once it is known.
    """

    def __init__(
        self,
        folder: Path,
        uri: str,
        *,
        say: Callable[[str], None],
        announce: Callable[[Mapping[str, str]], None],
    ) -> None:
        super().__init__(name="mmx-mlflow", daemon=True)
        self._sink = MlflowSink(folder, uri, say=say, announce=announce)
        self._say = say
        self._closing = threading.Event()
        self._down = False
        self._busy = False

    @property
    def link(self) -> str | None:
        """How to open the run, None until MLflow knows it."""
        state = self._sink.state
        return run_link(self._sink.uri, state["experiment_id"], state["run_id"]) if state["run_id"] else None

    @property
    def run_id(self) -> str | None:
        """The run's id in MLflow, None until MLflow knows it."""
        return self._sink.run_id

    def run(self) -> None:
        """Deliver until stopped."""
        with client_environment():
            while True:
                closing = self._closing.is_set()
                self._pump()
                if closing:
                    return
                self._closing.wait(RETRY if self._down else INTERVAL)

    def stop(self, *, patience: float) -> bool:
        """Deliver the rest and return whether that succeeded.

        A database is waited for as long as there is progress: something delivered, or time of a core used, which is how
        slow work on a loaded machine differs from a call that hangs for `patience` seconds. A server gets `AT_THE_END`
        seconds, none after an outage; importing mlflow is our own work and does not count. The rest stays in the
        journal.
        """
        self._closing.set()
        asked = time.monotonic()
        looked, used = time.monotonic(), time.process_time()
        alive = looked - patience + WINDOW  # whatever came before, one look is taken
        while self.is_alive():
            now, spent = time.monotonic(), time.process_time()
            if now - looked >= WINDOW:
                alive = now if spent - used > AT_WORK * (now - looked) else alive
                looked, used = now, spent
            alive = max(alive, self._sink.last_beat)
            asked = now if self._sink.importing else asked
            late = is_http(self._sink.uri) and (self._down or now - asked > min(patience, AT_THE_END))
            if (self._busy and now - alive > patience) or late:
                return False
            self.join(0.05)
        return not self._down

    def _pump(self) -> None:
        self._sink.last_beat = time.monotonic()
        self._busy = True
        try:
            self._sink.pump()
            self._down = False
        except Unreachable as error:
            self._outage(str(error))
        except Exception as error:
            # Tracking never ends a run: not even a defect of this file does.
            self._outage(f"tracking: {one_line(error)}")
        finally:
            self._busy = False

    @property
    def skipped(self) -> int:
        """How many things could not be delivered and never will be."""
        return self._sink.skipped

    def _outage(self, message: str) -> None:
        if not self._down:
            self._down = True
            self._say(f"{message}; the run goes on, the journal keeps everything")


def deliver(sink: MlflowSink) -> None:
    """Deliver everything now; a server that hangs or drips is left alone after `STALLED` seconds.

    Raises:
        Unreachable: MLflow does not answer, or stopped answering.
    """
    if not is_http(sink.uri):
        with client_environment():
            sink.pump()
        return
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with client_environment():
                sink.pump()
        except BaseException as error:  # raised again where somebody waits for it
            failures.append(error)

    worker = threading.Thread(target=work, name="mmx-sync", daemon=True)
    sink.last_beat = time.monotonic()
    worker.start()
    while worker.is_alive():
        worker.join(0.05)
        if worker.is_alive() and not sink.importing and time.monotonic() - sink.last_beat > STALLED:
            raise Unreachable(f"MLflow at {redact_address(sink.uri)} stopped answering; what is delivered stays")
    if failures:
        raise failures[0]
