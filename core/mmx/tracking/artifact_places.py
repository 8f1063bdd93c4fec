"""Places of artifacts in a database that was moved together with its folder.

MLflow writes down absolute places: of each experiment, run and model. After the folder was renamed or copied they lead
to where it was. What mmx has put into `mlartifacts` beside the database is looked for beside it again.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from mmx.tracking.uri import ARTIFACTS

_PATIENCE: Final = 30.0
"""Seconds that another process may hold the database."""


def artifact_place(database: Path, experiment: str) -> str:
    """Return where an experiment's artifacts go, as MLflow writes it down."""
    folder = re.sub(r"[^\w.-]+", "_", experiment).strip(".") or "unnamed"
    return (database.parent / ARTIFACTS / folder).as_uri()


def mend_places(database: Path) -> int:
    """Rewrite places that mmx chose when the database lay elsewhere; return how many there were.

    Only places of mmx's own form are changed: `.../mlartifacts/EXPERIMENT`, `.../mlartifacts/EXPERIMENT/RUN/artifacts`
    and those of models. A database that cannot be written stays as it is.
    """
    if not database.is_file():
        return 0
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=_PATIENCE)) as connection:
        found = [*_experiments(connection, database), *_parts(connection, database)]
        if found:
            with connection:
                for statement, values in found:
                    connection.execute(statement, values)
        return len(found)
    return 0


def _experiments(connection: sqlite3.Connection, database: Path) -> list[tuple[str, tuple[str, str]]]:
    """Return the changes of experiments: statement and values."""
    changes = []
    for number, name, place in connection.execute("SELECT experiment_id, name, artifact_location FROM experiments"):
        wanted = artifact_place(database, str(name))
        if place != wanted and _is_file(place) and str(place).endswith(_tail(wanted)):
            changes.append(("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (wanted, number)))
    return changes


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
