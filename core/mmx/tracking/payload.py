"""Content that goes from a run folder to MLflow: files inside the folder, addresses, metric keys.

A run folder may come from anybody. Whatever its journal names is looked for inside the folder, links resolved; nothing
else is opened. What can never be delivered raises `Undeliverable`, so that nobody waits for a server because of it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from mmx.support import run_files
from mmx.support.redact import redact_text
from mmx.support.text import describe, printable
from mmx.support.text import one_line as shortened
from mmx.tracking.journal import Entry

T = TypeVar("T")

NOTE: Final = "mlflow.note.content"
"""Tag that MLflow shows as the description of a run or an experiment."""
ARTIFACT: Final = "artifact:"
"""Address of an artifact in a description, before it is known in which run of MLflow it is."""
_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
"""Errors of this machine that may be over the next time."""
_LONGEST_PARAM: Final = 500
_LONGEST_KEY: Final = 250
_MODEL_FILES: Final = (
    run_files.CONFIG,
    run_files.MEANING,
    run_files.REPORT,
    "mmx.json",
    f"{run_files.CHECKPOINT}/*.safetensors",
    "*.safetensors",
)
"""What of a run folder makes a model: safetensors and plain text, nothing that could run code."""


class Undeliverable(Exception):
    """Something that sending again will not deliver: its file is damaged, gone, or not ours to give away."""


@contextmanager
def local(what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the run's own content into `Undeliverable`; a full disk is none of it."""
    try:
        yield
    except (Undeliverable, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _PASSING:
            raise
        raise Undeliverable(f"{printable(what)}: {describe(error)}") from error


def contained(root: Path, name: str) -> Path:
    """Return the path that a journal names.

    Raises:
        Undeliverable: It is not in the run folder `root`, or not there.
    """
    with local(name):
        path, inside = (root / name).resolve(), root.resolve()
        if not path.is_relative_to(inside):
            raise Undeliverable(f"{printable(name)} lies outside of the run folder")
        if not path.exists():
            raise Undeliverable(f"{printable(name)} is gone")
    return path


def files(path: Path) -> list[Path]:
    """Return the file, or the files below the folder: no links that lead out of it, no temporary ones, no devices."""
    if path.is_file():
        return [path]
    root = path.resolve()
    return sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and file.resolve().is_relative_to(root) and not file.name.startswith(".")
    )


def model_files(folder: Path) -> list[Path]:
    """Return the files that make a model of a run folder, none of them from elsewhere."""
    root = folder.resolve()
    found = {file for pattern in _MODEL_FILES for file in folder.glob(pattern) if not file.name.startswith(".")}
    return sorted(file for file in found if file.is_file() and file.resolve().is_relative_to(root))


def with_addresses(text: str, run_id: str) -> str:
    """Return Markdown whose images among a run's artifacts have the address under which MLflow's pages find them."""
    return text.replace(f"({ARTIFACT}", f"(get-artifact?run_uuid={run_id}&path=")


def charted_key(key: str) -> str:
    """Return the key of a metric under which MLflow charts it.

    MLflow makes a group of charts of all that stands before a key's last slash, and sorts the groups. So the validation
    of a stage goes to its training, `val/fit/loss` to `train/fit/val_loss`, and the cost of a run behind all others,
    `perf/seconds` to `usage/seconds`.
    """
    first, *others = metric_key(key).split("/")
    if first == "val" and len(others) == 2:
        return shortened_key(f"train/{others[0]}/val_{others[1]}")
    return shortened_key("/".join(["usage" if first == "perf" and others else first, *others]))


def metric_key(key: str) -> str:
    """Return `key` with nothing in it that MLflow refuses: `recall@1 (val)` becomes `recall_at_1_val`."""
    clean = re.sub(r"[^\w\-. /]+", "_", key.replace("@", "_at_"), flags=re.ASCII)
    parts = [part.strip("_. ") for part in re.sub(r"_*\s+_*", "_", clean).split("/")]
    return shortened_key("/".join(part for part in parts if part) or "unnamed")


def shortened_key(key: str) -> str:
    """Return a key of at most 250 characters, MLflow's limit; two long ones that begin alike stay two."""
    if len(key) <= _LONGEST_KEY:
        return key
    mark = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{key[: _LONGEST_KEY - len(mark) - 1]}-{mark}"


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def send_divided(
    items: Sequence[T],
    send: Callable[[Sequence[T]], None],
    *,
    permanent: Callable[[Exception], bool],
    refused: Callable[[T, Exception], None],
) -> None:
    """Send `items` together; where that is refused for good, send the halves, down to the single ones at fault.

    Args:
        items: What is sent.
        send: Sends some of them.
        permanent: Whether an error would come again; others are raised.
        refused: Told each item that cannot be sent, and why.
    """
    try:
        send(items)
    except Exception as error:
        if not permanent(error):
            raise
        if len(items) == 1:
            refused(items[0], error)
            return
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            send_divided(half, send, permanent=permanent, refused=refused)


def identity(start: Entry | None) -> str:
    """Return what tells a run from all others, before MLflow has given it a name: it follows from its first line."""
    if start is None:
        return "unnamed"
    fields = start.fields
    text = json.dumps([fields.get("experiment"), fields.get("name"), start.time])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def are_names(saved: Mapping[str, Any]) -> bool:
    """Return whether a record of an MLflow run has its two ids as text."""
    return all(isinstance(saved.get(key), str) for key in ("run_id", "experiment_id"))


def named(entry: Entry) -> str:
    """Return an entry as a message names it."""
    if entry.event == "start":
        return "start"
    which = entry.fields.get("key", entry.fields.get("path", ""))
    step = f" of step {entry.fields['step']}" if "step" in entry.fields else ""
    return f"{printable(entry.event)} {shortened(str(which), 120)}{step}".strip()


def param_value(value: Any) -> str:
    """Return the value of a param as MLflow takes it: text without secrets, cut where it is long."""
    text = redact_text(str(value))
    if len(text) <= _LONGEST_PARAM:
        return text
    return f"{text[:_LONGEST_PARAM]} … (cut, {len(text)} characters; all of it in config.yaml)"
