"""VQA: presets resolve and learn, sizes are the paper's, and questions of one's own are asked and answered."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import mmx_vqa
from mmx.cli.predict import command
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_image
from mmx.model.build import Builder, build
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Batch, Features
from mmx_std.fusers.vectors import Product
from tests.plugins.mmx_std.corpora.imports.trees import rows_of
from tests.plugins.mmx_vqa.test_data import easy
from tests.plugins.stored import stored

ROOT = Path(mmx_vqa.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("preset", ["question-only", "image-only", "concat", "sum", "gated", "unscaled"])
def test_each_way_to_fuse_gives_logits(catalog: Catalog, preset: str) -> None:
    experiment = catalog.resolve("vqa", preset=preset, overrides=["corpus.clips=8"]).experiment
    built = build(experiment, catalog.plugins.registry)
    batch = built.model.prepare(list(built.corpus.split("train")), built.model.plan(["heads.label"]).encoders)
    assert built.model(batch, ["heads.label"]).heads["label"].shape == (8, 15)


def test_the_papers_network_has_its_sizes(catalog: Catalog) -> None:
    """Two layers of 512 cells over words of 200; 2,048 and 4,096 numbers are projected to 1,024; 1,000 answers."""
    resolved = catalog.resolve("vqa", preset="paper", overrides=["encoders.image.weights=null"])
    import torchaudio.compliance.kaldi  # noqa: F401  # its constants are tensors, which must not be made on meta

    builder = Builder(catalog.plugins.registry, 0)
    with torch.device("meta"):
        question, image = (
            builder.part(resolved.experiment.encoders[name], "encoder", f"encoders.{name}", corpus=None)
            for name in ("question", "image")
        )
        fuser = Product(
            {"question": question.out_dim, "image": image.out_dim}, width=1024, normalise=["image"], dropout=0.5
        )
    assert (question.out_dim, image.out_dim) == (2048, 4096)
    # Of torch's LSTM: four gates of input, state and two biases.
    cells = 4 * 512 * (200 + 512 + 2) + 4 * 512 * (512 + 512 + 2)
    assert sum(each.numel() for each in question.rnn.parameters()) == cells
    assert question.table.weight.shape == (13000, 200)
    assert sum(each.numel() for each in fuser.parameters()) == 2049 * 1024 + 4097 * 1024
    # VGG-19 without its last layer: 143,667,240 with 1,000 classes.
    assert sum(each.numel() for each in image.parameters()) == 143_667_240 - 4097 * 1000
    stage = resolved.experiment.stages[0]
    assert (stage.steps, stage.batch_size) == (150_000, 500)
    assert "encoders.image" not in stage.updates[0].trains


def test_imported_questions_are_learned_judged_and_asked(catalog: Catalog, tmp_path: Path) -> None:
    """VQA in its published form, tiny: the answers of annotators come with the manifest, a photo is asked about."""
    rows_of("vqa", tmp_path)
    overrides = [
        f"corpus.path={tmp_path / 'out.jsonl'}",
        "encoders.image={use: std/conv2d, widths: [4], image_size: 32}",
        *("encoders.question.width=8", "encoders.question.embedding=8", "fuser.width=8"),
        *("stages.fit.steps=1", "stages.fit.batch_size=2"),
    ]
    resolved = catalog.resolve("vqa", preset="paper", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 1
    # Eight of ten say yes ("Yes." is the same), one no: both are classes.
    expected = {"yes": 1.0, "no": pytest.approx(0.3)}
    (row,) = done.report.predictions
    assert row["score"] == expected[row["answer"]]
    write_image(tmp_path / "photo.png", np.zeros((40, 50, 3), np.uint8))
    asked = [str(tmp_path / "run"), str(tmp_path / "photo.png"), "--texts", "Is it?", "--out", str(tmp_path / "o")]
    answer = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert answer.exit_code == 0 and "Is it?" in answer.output and "yes" in answer.output


def test_easy_vqa_is_learned_and_judged(catalog: Catalog, tmp_path: Path) -> None:
    overrides = [
        f"corpus.path={easy(tmp_path / 'data')}",
        *("stages.fit.steps=1", "stages.fit.batch_size=4", "task.simple=false", "corpus.most=4"),
    ]
    resolved = catalog.resolve("vqa", preset="easy-vqa", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["metrics"][0]["references"]["annotators"] == 1.0, "one right answer counts as ten"


def test_the_joint_features_of_the_paper_are_a_product_of_tangents() -> None:
    torch.manual_seed(0)
    fuser = Product({"question": 8, "image": 6}, width=5, normalise=["image"]).eval()
    q, v = torch.randn(2, 8), torch.randn(2, 6)
    joint = fuser({"question": Features(q), "image": Features(v)}, Batch(["a", "b"]))["joint"].pooled_BD
    unit = v / (v**2).sum(1, keepdim=True).sqrt()
    ask, see = fuser.projections["question"], fuser.projections["image"]
    expected = torch.tanh(q @ ask.weight.T + ask.bias) * torch.tanh(unit @ see.weight.T + see.bias)
    torch.testing.assert_close(joint, expected)


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds."""
    best = max(stored(ROOT, name, "vqa_accuracy") for name in ("question-only", "image-only"))
    assert stored(ROOT, "default", "vqa_accuracy") >= best + 0.15
