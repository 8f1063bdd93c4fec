"""Tracking URIs: choice, health of the server, links into its pages. Imports nothing heavy."""

from __future__ import annotations

import http.client
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from mmx.support.redact import redact_address

DATABASE: Final = "mlflow.db"
ARTIFACTS: Final = "mlartifacts"
"""Folder of artifacts beside a sqlite database."""
TRAINING_VIEW: Final = "workflowType=machine_learning"
"""Without it MLflow's pages open in their view for language models, where training runs are hard to find."""
PROBE_SECONDS: Final = 2.0
LARGEST: Final = 8_000_000
"""Bytes of a server's answer, unpacked. Those that we ask for have some thousand."""

_SQLITE = "sqlite:///"


def store_uri(runs: Path, uri: str | None = None, *, environ: Mapping[str, str] = os.environ) -> str:
    """Return the tracking URI: `uri`, else `MLFLOW_TRACKING_URI`, else a sqlite file in the folder `runs`; absolute.

    Nothing is left to MLflow's default, which depends on the current folder.
    """
    chosen = uri or environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{runs.resolve() / DATABASE}"
    database = sqlite_path(chosen)
    return chosen.rstrip("/") if database is None else f"{_SQLITE}{database}"


def sqlite_path(uri: str) -> Path | None:
    """Return the absolute path of a sqlite URI's file, None for other stores."""
    return Path(uri.removeprefix(_SQLITE)).resolve() if uri.startswith(_SQLITE) else None


def is_same_or_moved(saved: object, mine: str) -> bool:
    """Return whether two addresses may be of one store: they are the same, or both of a database."""
    return saved == mine or (isinstance(saved, str) and None not in (sqlite_path(saved), sqlite_path(mine)))


def is_http(uri: str) -> bool:
    """Return whether the store is a server."""
    return uri.startswith(("http://", "https://"))


def origin(uri: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address: who is given a request's content and credentials.

    Raises:
        ValueError: It is no address.
    """
    parts = urlsplit(uri)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_of_this_machine(uri: str) -> bool:
    """Return whether a server can be reached from this machine only."""
    host = origin(uri)[1]
    return host in ("localhost", "::1") or re.fullmatch(r"127\.\d+\.\d+\.\d+", host) is not None


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """Follow nobody: credentials would go along, to wherever a server says."""


def opened(request: urllib.request.Request, seconds: float) -> Any:
    """Return the answer to a request; where it leads elsewhere, that is an error like 404.

    Raises:
        OSError: There is none, or it is an error.
    """
    return urllib.request.build_opener(_Stays).open(request, timeout=seconds)


def answers(uri: str, *, seconds: float = PROBE_SECONDS) -> bool:
    """Return whether the server at `uri` answers its health check within `seconds`, however slowly it drips.

    A refusal to let us in is an answer; so is a proxy that does not know the page, or knows it elsewhere.
    """
    found: list[bool] = []
    # A socket's time-out begins anew with each byte; only another thread can be left alone with a server that drips.
    probe = threading.Thread(target=lambda: found.append(_probe(uri, seconds)), name="mmx-probe", daemon=True)
    probe.start()
    probe.join(seconds)
    return found == [True]


def _probe(uri: str, seconds: float) -> bool:
    try:
        with opened(urllib.request.Request(f"{redact_address(uri)}/health"), seconds):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError, http.client.HTTPException):
        return False


def run_path(experiment_id: str, run_id: str) -> str:
    """Return the part of a link behind the server's address that opens one run."""
    return f"/#/experiments/{quote(experiment_id, safe='')}/runs/{quote(run_id, safe='')}?{TRAINING_VIEW}"


def charts_path(experiment_id: str) -> str:
    """Return the part of a link that opens an experiment's charts, runs side by side."""
    return f"/#/experiments/{quote(experiment_id, safe='')}/runs?compareRunsMode=CHART&{TRAINING_VIEW}"


def run_link(uri: str, experiment_id: str, run_id: str) -> str:
    """Return how to open a run: its address, or for a sqlite file the command and the path behind its address."""
    path = run_path(experiment_id, run_id)
    return f"{redact_address(uri)}{path}" if is_http(uri) else f"mmx ui  ->  {path}"
