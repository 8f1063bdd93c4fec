"""JSON of strangers that is nested too deeply, of another form, or none: refused by name, or passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmx.assets import store
from mmx.config import trust
from mmx.config.measured import measured
from mmx.errors import DataError, MmxError
from mmx.interactive.loaded import LoadedRun
from mmx.model import meaning
from mmx.runs.history import read_run
from mmx.studies.pairing import read_items
from mmx.tracking.mlflow_sink import MlflowSink
from mmx_std.corpora.imports.reading import document, records
from mmx_std.ops.faces.boxes import read_boxes
from mmx_worlds.mixtures.manifest import read_manifest

CONTENTS = {
    "deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "list": b"[1]",
    "number": b"1e999",
    "null": b"null",
    "text": b'"x"',
    "bytes": b"\xff\x00",
    "empty": b"",
    "digits": b"1" * 10_000,
}


def sink(path: Path) -> None:
    MlflowSink(path.parent, "sqlite:////x.db", say=print, announce=lambda state: None)


def weights(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    assert not store._is_whole(path, SimpleNamespace(sha256="x"))


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "meaning": ("meaning.json", lambda path: meaning.read(path.parent)),
    "report": ("report.json", lambda path: read_run(path.parent)),
    "report from Python": ("report.json", lambda path: LoadedRun(path.parent, SimpleNamespace()).report),
    "items": ("predictions.json", lambda path: read_items(path.parent)),
    "MLflow's run": ("mlflow.json", sink),
    "weights": ("model.safetensors", weights),
    "mixtures": ("m.json", read_manifest),
    "boxes": ("b.json", read_boxes),
    "document": ("d.json", document),
    "seconds": ("results/x.json", lambda path: measured([path.parents[1] / "experiments.yaml"])),
    "records": ("r.jsonl", lambda path: list(records(path))),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("reader", READERS)
def test_it_is_read_or_refused_by_name(tmp_path: Path, reader: str, content: str) -> None:
    name, read = READERS[reader]
    (tmp_path / "config.yaml").write_text("mmx: '0.2'\nname: x\n")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(CONTENTS[content])
    try:
        read(tmp_path / name)
    except MmxError as error:
        assert isinstance(error, DataError)
        assert name in str(error)


def test_a_damaged_memory_of_trust_trusts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path))
    for content in CONTENTS.values():
        (tmp_path / trust.FILE).write_bytes(content)
        assert not trust.remembered(tmp_path, "d")
