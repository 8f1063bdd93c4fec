"""A database that is full, at one call after another: run in a process of its own, to see all that reaches stderr.

    python tests/faults/full_database.py FOLDER

Prints a line of JSON for each place: what `mmx sync` raised there, and what it said.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from mmx.errors import MmxError
from mmx.tracking.journal import Journal
from mmx.tracking.tracker import sync

PLACES = ("execute", "executemany", "commit", "rollback", "pages")
"""Methods of connections and cursors that raise; "pages" is SQLite's own error: no page may be added to the file.
With the end of the process, `close` raises too."""
failing = ""


def fault(place: str) -> None:
    """Raise what SQLite raises on a full disk, if it is the turn of `place`."""
    if failing == place or (failing == "rollback" and place == "commit"):
        raise sqlite3.OperationalError("database or disk is full")


class Cursor(sqlite3.Cursor):
    """A cursor that fails when it is told to."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(("INSERT", "UPDATE")):
            fault("execute")
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> Any:
        fault("executemany")
        return super().executemany(sql, parameters)


class Connection(sqlite3.Connection):
    """A connection that fails when it is told to."""

    def cursor(self, factory: Any = Cursor) -> Any:
        if failing == "pages":
            sqlite3.Connection.execute(self, "PRAGMA max_page_count = 1")
        return super().cursor(factory)

    def commit(self) -> None:
        fault("commit")
        super().commit()

    def rollback(self) -> None:
        fault("rollback")
        super().rollback()

    def close(self) -> None:
        fault("close")
        super().close()


real = sqlite3.connect


def connect(*arguments: Any, **named: Any) -> Any:
    """Connect by the class that fails."""
    return real(*arguments, **{"factory": Connection, **named})


def main(root: Path) -> None:
    """Deliver a run while each place fails, and then once more."""
    global failing
    for module in (sqlite3, sqlite3.dbapi2):
        vars(module)["connect"] = connect
    for place in ("", *PLACES, ""):
        folder = root / "runs" / "shapes" / (place or "whole")
        said: list[str] = []
        if not folder.exists():
            journal = Journal(folder / "journal.jsonl")
            journal.write("start", experiment="shapes", name=folder.name, resumed=False, command="", after=0.0)
            journal.write("params", values={f"p{number}": "x" * 200 for number in range(200)})
            for step in range(1500):
                journal.metrics(step, {"train/loss": 1.0, f"train/{step}": 2.0})
            journal.write("status", status="completed", error="")
            journal.close()
        failing = place
        try:
            sync(folder, say=said.append)
            raised = ""
        except MmxError as error:
            raised = str(error)
        failing = ""
        print(json.dumps({"place": place, "raised": raised, "said": said}), flush=True)
    failing = "close"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
