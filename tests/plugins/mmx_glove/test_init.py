"""Wiring of glove: every preset resolves, a smoke run learns and is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmx_glove
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from tests.plugins.stored import stored

ROOT = Path(mmx_glove.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_it_learns_from_texts_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    rows = [{"id": str(i), "text": f"the king of town{i % 3} met the queen", "split": "train"} for i in range(12)]
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "questions.txt").write_text(": towns\nking queen town0 town1\nking queen town0 town9\n")
    overrides = [
        "encoders.word.vocabulary=64",
        "encoders.context.vocabulary=64",
        f"corpus.text.path={tmp_path / 'texts.jsonl'}",
        f"task.file={tmp_path / 'questions.txt'}",
        "corpus.min_count=1",
        "stages.fit.steps=2",
        "stages.fit.batch_size=4",
    ]
    resolved = catalog.resolve("glove", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and (done.report.used, done.report.expected) == (1, 2)
    assert done.report.metrics[0].name == "analogy_accuracy"


def test_published_vectors_are_judged_as_they_are(catalog: Catalog, tmp_path: Path) -> None:
    published = {"king": "1 0 1", "queen": "1 0 -1", "town0": "0 1 1", "town1": "0 1 -1", "met": "-1 -1 0"}
    (tmp_path / "glove.txt").write_text("".join(f"{word} {numbers}\n" for word, numbers in published.items()))
    rows = [{"id": str(i), "text": f"king town{i % 2} met queen", "split": "train"} for i in range(4)]
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "questions.txt").write_text(": towns\nking queen town0 town1\n")
    overrides = [
        f"corpus.text={{use: std/manifest, path: {tmp_path / 'texts.jsonl'}}}",
        f"encoders.word.vectors={tmp_path / 'glove.txt'}",
        "encoders.word.width=3",
        "encoders.word.vocabulary=16",
        "corpus.min_count=1",
        f"task.file={tmp_path / 'questions.txt'}",
    ]
    resolved = catalog.resolve("glove", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and (done.report.used, done.report.expected) == (1, 1)
    assert done.report.metrics[0].value == 1.0


def test_gates() -> None:
    """Margin of the specification, on the means over three seeds."""
    assert stored(ROOT, "default", "analogy_accuracy") >= stored(ROOT, "permuted", "analogy_accuracy") + 0.3
