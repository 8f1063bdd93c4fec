"""VL-BERT's wiring: presets resolve, batches are learned, one user's regions are answered for, and the gates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mmx_vlbert
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.testing.experiments import examine
from tests.plugins.stored import stored

ROOT = Path(mmx_vlbert.__file__).parent
HEADS = ("vlbert_vqa", "vlbert_vcr", "vlbert_refcoco")
SMALL = ["corpus.source.clips=40", "corpus.source.val_clips=8", "corpus.source.test_clips=12"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("name", ["vlbert", *HEADS])
def test_a_batch_is_learned_and_judged(catalog: Catalog, name: str) -> None:
    experiment = catalog.resolve(name, preset="smoke", overrides=SMALL).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


def test_controls_read_no_image(catalog: Catalog) -> None:
    for name in ("vlbert", "vlbert_vqa", "vlbert_vcr"):
        experiment = catalog.resolve(name, preset="no-image").experiment
        assert "regions" not in experiment.encoders and "region_classes" not in experiment.heads
    blind = catalog.resolve("vlbert_refcoco", preset="no-image").experiment
    for corpus in (blind.corpus, blind.stages[0].corpus):
        assert corpus is not None and corpus.params["blind"] is True


def test_captions_and_regions_of_ones_own_are_learned(catalog: Catalog, tmp_path: Path) -> None:
    """The paper's wiring at a tiny size: captions of a manifest, and a detector's boxes, features and classes."""
    rows = [{"id": f"{number}.jpg", "text": f"a red thing number {number % 3}"} for number in range(30)]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "features").mkdir()
    rng = np.random.default_rng(0)
    for number in range(30):
        count = 2 + number % 2
        boxes = np.sort(rng.uniform(0, 50, (count, 2, 2)), axis=1).reshape(count, 4).astype(np.float32)
        soft = rng.dirichlet(np.ones(7), count).astype(np.float32)
        kept = {"x": rng.random((count, 6), np.float32), "boxes": boxes, "size": np.array([50, 50]), "cls_prob": soft}
        np.savez(tmp_path / "features" / f"{number}.npz", **kept)
    overrides = [
        f"corpus.source.items.path={tmp_path / 'captions.jsonl'}",
        f"corpus.source.folders=[{tmp_path / 'features'}]",
        *("encoders.text.width=12", "encoders.text.heads=2", "encoders.text.vocabulary=90", "encoders.text.tokens=32"),
        *("encoders.regions.columns=6", "encoders.regions.width=12", "encoders.regions.waves=4"),
        *("fuser.layers=1", "fuser.heads=2", "fuser.hidden=12", "heads.region_classes.out_dim=7"),
        *("stages.pretrain.steps=2", "stages.pretrain.batch_size=8", "task.tasks.all_regions.simple=false"),
    ]
    resolved = catalog.resolve("vlbert", preset="paper", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used > 0
    names = [metric.name for metric in done.report.metrics]
    assert names == ["masked_accuracy", "region_accuracy"], "of all words, not of colours and shapes"


GATES = (
    ("{}", "masked_accuracy_colour", 0.2),
    ("{}", "masked_accuracy_shape", 0.2),
    ("vlbert_vqa-{}", "vqa_accuracy", 0.0),
    ("vlbert_vcr-{}", "accuracy_answer", 0.2),
    ("vlbert_vcr-{}", "accuracy_reason", 0.0),
    ("vlbert_vcr-{}", "joint_accuracy", 0.0),
    ("vlbert_refcoco-{}", "accuracy", 0.0),
)


@pytest.mark.parametrize(("name", "key", "margin"), GATES, ids=[f"{each[0]} {each[1]}" for each in GATES])
def test_gates(name: str, key: str, margin: float) -> None:
    """Margins of the specification above the training without images, on the means over the stored seeds."""
    own, without = (stored(ROOT, name.format(preset), key) for preset in ("default", "no-image"))
    assert own > without + margin
