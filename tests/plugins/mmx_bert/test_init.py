"""Wiring of BERT: every preset resolves, a batch is learned, a release is judged on documents of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmx_bert
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.studies import results
from mmx.testing.experiments import examine
from tests.plugins.mmx_bert.release import released
from tests.plugins.stored import stored

SMALL = [
    "corpus.copies=1", "corpus.documents.documents=24", "corpus.documents.val_documents=4",
    "corpus.documents.test_documents=16", "encoders.text.width=16", "encoders.text.depth=1", "encoders.text.hidden=16",
]  # fmt: skip

ROOT = Path(mmx_bert.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("preset", ["smoke", "whole-words", "attended", "finetune"])
def test_a_batch_is_learned_and_judged(catalog: Catalog, preset: str) -> None:
    experiment = catalog.resolve("bert", preset=preset, overrides=SMALL).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


def test_a_release_is_judged_on_documents_of_ones_own_and_names_a_hidden_word(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    released(tmp_path / "release")
    text = "the king plays .\nthe queen plays a song .\na song .\nthe song played the king ."
    rows = [{"id": str(n), "text": text, "split": "train" if n < 4 else "test"} for n in range(8)]
    (tmp_path / "documents.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.documents.path={tmp_path / 'documents.jsonl'}", "corpus.tokens=14"]
    overrides += [f"encoders.text.model={tmp_path / 'release'}"]
    resolved = catalog.resolve("bert", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and {"masked_accuracy", "accuracy"} <= {metric.name for metric in done.report.metrics}
    assert main(["predict", str(tmp_path / "run"), "the [MASK] plays"]) == 0
    assert "probability" in capsys.readouterr().out


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds."""
    bigram = stored(ROOT, "default", "masked_accuracy/baselines/bigram")
    assert stored(ROOT, "default", "masked_accuracy") >= bigram + 0.25
    assert stored(ROOT, "default", "accuracy") >= 0.75


def test_gates_of_the_probe() -> None:
    """More is read from the frozen encoder than from a random one, with every seed."""
    content = json.loads((ROOT / "results" / "probe.json").read_text("utf-8"))
    for name in ("probe_accuracy", "follows_accuracy"):
        own, random = (results.values(content, key) for key in (name, f"{name}/untrained"))
        assert len(own) >= 3 and all(one > other for one, other in zip(own, random, strict=True)), name
