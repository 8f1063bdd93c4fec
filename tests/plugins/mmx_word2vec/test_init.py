"""Wiring of word2vec: every preset resolves, a smoke run learns and is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmx_word2vec
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from tests.plugins.stored import stored

ROOT = Path(mmx_word2vec.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_it_learns_from_texts_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    rows = [{"id": str(i), "text": f"the king of town{i % 3} met the queen", "split": "train"} for i in range(12)]
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "questions.txt").write_text(": towns\nking queen town0 town1\nking queen town0 town9\n")
    overrides = [
        "encoders.words.vocabulary=64",
        f"corpus.path={tmp_path / 'texts.jsonl'}",
        f"task.file={tmp_path / 'questions.txt'}",
        "encoders.words.min_count=1",
        "stages.predict.steps=2",
        "stages.predict.batch_size=4",
    ]
    resolved = catalog.resolve("word2vec", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and (done.report.used, done.report.expected) == (1, 2)
    assert done.report.metrics[0].name == "analogy_accuracy"


def test_published_vectors_are_judged_as_they_are(catalog: Catalog, tmp_path: Path) -> None:
    published = {"king": "1 0 1", "queen": "1 0 -1", "Rome": "0 1 1", "Paris": "0 1 -1", "met": "-1 -1 0"}
    lines = ["5 3", *(f"{word} {numbers}" for word, numbers in published.items())]
    (tmp_path / "vectors.txt").write_text("\n".join(lines) + "\n")
    rows = [{"id": str(i), "text": "king Rome met queen Paris", "split": "train"} for i in range(4)]
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "questions.txt").write_text(": towns\nKing queen Rome Paris\nking queen rome paris\n")
    overrides = [
        f"corpus={{use: std/manifest, path: {tmp_path / 'texts.jsonl'}}}",
        f"encoders.words.vectors={tmp_path / 'vectors.txt'}",
        "encoders.words.width=3",
        "encoders.words.vocabulary=16",
        f"task.file={tmp_path / 'questions.txt'}",
    ]
    resolved = catalog.resolve("word2vec", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None
    assert (done.report.used, done.report.expected) == (1, 2), "the vectors have towns with capitals only"
    assert done.report.metrics[0].value == 1.0
    assert done.report.predictions[0]["question"] == "king queen Rome", "and kings without"


def test_gates() -> None:
    """Margin of the specification, on the means over three seeds."""
    assert stored(ROOT, "default", "analogy_accuracy") >= stored(ROOT, "permuted", "analogy_accuracy") + 0.5
