"""Places of artifacts in a database that was moved together with its folder.

MLflow writes down absolute places: of each experiment, run and model. After the folder was renamed or copied they lead
to where it was. What mmx has put into `mlartifacts` beside the database is looked for beside it again.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mmx.tracking.uri import ARTIFACTS

_PATIENCE: Final = 30.0
"""Seconds that another process may hold the database."""
_LONGEST: Final = 5.0
"""Seconds that one statement may take: what a database from elsewhere calls a table may be a view without an end."""
_LONGEST_VALUE: Final = 1_000_000
"""Bytes of the longest value that is read."""
_PLACES: Final = (
    # MLflow's own experiment 0 is where nothing was recorded.
    "SELECT artifact_location FROM experiments WHERE experiment_id != 0 LIMIT 10000",
    "SELECT artifact_uri FROM runs LIMIT 10000",
)


def artifact_place(database: Path, experiment: str) -> str:
    """Return where an experiment's artifacts go, as MLflow writes it down."""
    folder = re.sub(r"[^\w.-]+", "_", experiment).strip(".") or "unnamed"
    return (database.parent / ARTIFACTS / folder).as_uri()


def mend_places(database: Path) -> int:
    """Rewrite places that mmx chose when the database lay elsewhere; return how many there were.

    Only places of mmx's own form are changed: `.../mlartifacts/EXPERIMENT`, `.../mlartifacts/EXPERIMENT/RUN/artifacts`
    and those of models; and that of MLflow's own experiment "Default" while it has no runs. A database that cannot be
    written stays as it is.
    """
    if not database.is_file():
        return 0
    with suppress(sqlite3.Error), closing(_opened(database)) as connection:
        found = [*_experiments(connection, database), *_parts(connection, database)]
        if found:
            with connection:
                for statement, values in found:
                    connection.execute(statement, values)
        return len(found)
    return 0


def strays(database: Path) -> list[str]:
    """Return places outside of `mlartifacts` beside the database that it says files are in: pages would show those."""
    if not database.is_file():
        return []
    here = (database.parent / ARTIFACTS).resolve()
    found: dict[str, None] = {}
    with suppress(sqlite3.Error), closing(_opened(database)) as connection:
        for query in _PLACES:
            for (place,) in connection.execute(query):
                path = Path(url2pathname(urlsplit(str(place)).path)).resolve()
                if _is_file(place) and not path.is_relative_to(here):
                    found[str(place)] = None
    return list(found)


def _opened(database: Path) -> sqlite3.Connection:
    """Open a database that may come from anybody: its statements end, and its values have a limit."""
    connection = sqlite3.connect(database, timeout=_PATIENCE)
    until = time.monotonic() + _LONGEST
    connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    return connection


def _experiments(connection: sqlite3.Connection, database: Path) -> list[tuple[str, tuple[str, str]]]:
    """Return the changes of experiments: statement and values."""
    changes = []
    for number, name, place in connection.execute("SELECT experiment_id, name, artifact_location FROM experiments"):
        wanted = artifact_place(database, str(name))
        ours = str(place).endswith(_tail(wanted)) or (str(number) == "0" and _is_unused_default(connection, place))
        if place != wanted and _is_file(place) and ours:
            changes.append(("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (wanted, number)))
    return changes


def _is_unused_default(connection: sqlite3.Connection, place: object) -> bool:
    """Return whether MLflow chose the place of its experiment 0, by the folder it was started in, and nothing is there.

    MLflow creates that experiment with each database; nothing of mmx is recorded in it.
    """
    chosen = str(place).endswith("/mlruns/0")
    return chosen and not connection.execute("SELECT 1 FROM runs WHERE experiment_id = 0 LIMIT 1").fetchone()


def _parts(connection: sqlite3.Connection, database: Path) -> list[tuple[str, tuple[str, str]]]:
    """Return the changes of runs and models: statement and values."""
    names = dict(connection.execute("SELECT experiment_id, name FROM experiments"))
    here = (database.parent / ARTIFACTS).as_uri() + "/"
    changes = []
    for table, key, column, below in (
        ("runs", "run_uuid", "artifact_uri", ""),
        ("logged_models", "model_id", "artifact_location", "models/"),
    ):
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            continue  # an older MLflow knows no models
        query = f"SELECT {key}, experiment_id, {column} FROM {table} WHERE substr({column}, 1, ?) != ?"  # noqa: S608
        for identity, number, place in connection.execute(query, (len(here), here)):
            wanted = f"{artifact_place(database, str(names.get(number, '')))}/{below}{identity}/artifacts"
            if _is_file(place) and str(place).endswith(_tail(wanted)):
                statement = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"  # noqa: S608
                changes.append((statement, (wanted, identity)))
    return changes


def _is_file(place: object) -> bool:
    return str(place).startswith(("file:", "/"))


def _tail(place: str) -> str:
    """Return the part of a place that does not depend on where the database lies."""
    return place[place.rindex(f"/{ARTIFACTS}/") :]
