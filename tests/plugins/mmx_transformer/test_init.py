"""The Transformer is wiring: presets resolve, sizes are the paper's, a batch is learned, own pairs are translated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import mmx_transformer
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.model.build import Builder
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.testing.experiments import examine
from tests.plugins.stored import stored

ROOT = Path(mmx_transformer.__file__).parent
LITTLE = ["encoders.source.width=16", "encoders.source.depth=1", "heads.words.depth=1"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_the_optimizer_and_the_loss_are_the_papers(catalog: Catalog) -> None:
    for preset, width in (("base", 512), ("big", 1024)):
        (stage,) = catalog.resolve("transformer", preset=preset).experiment.stages
        (update,) = stage.updates
        assert update.schedule is not None and update.schedule.params == {"warmup": 4000, "width": width}
        chosen = {name: update.optimizer.params[name] for name in ("lr", "betas", "eps")}
        assert chosen == {"lr": 1.0, "betas": [0.9, 0.98], "eps": 1e-9}
        assert update.objective.params["smoothing"] == 0.1 and stage.keep == "average"


@pytest.mark.parametrize(
    ("preset", "paper", "width", "hidden", "rows"),
    [("base", 65e6, 512, 2048, 41_000), ("big", 213e6, 1024, 4096, 37_000)],
)
def test_the_sizes_are_the_papers_to_one_percent(
    catalog: Catalog, preset: str, paper: float, width: int, hidden: int, rows: int
) -> None:
    """One table for both languages and the output; biases in all layers, two or three norms a block."""
    experiment = catalog.resolve("transformer", preset=preset).experiment
    builder = Builder(catalog.plugins.registry, 0)
    built, dims = {}, {}
    with torch.device("meta"):
        for name, part in experiment.encoders.items():
            built[f"encoders.{name}"] = builder.part(part, "encoder", f"encoders.{name}", corpus=None)
            dims[f"encoded.{name}"] = built[f"encoders.{name}"].out_dim
        head = builder.part(experiment.heads["words"], "head", "heads.words", dims=dims, built=built)
    found = {id(each): each.numel() for part in (*built.values(), head) for each in part.parameters()}
    attention, feed, norm = 4 * (width**2 + width), 2 * width * hidden + hidden + width, 2 * width
    blocks = 6 * (attention + feed + 2 * norm) + 6 * (2 * attention + feed + 3 * norm)
    assert sum(found.values()) == rows * width + blocks
    assert sum(found.values()) == pytest.approx(paper, rel=0.01)


@pytest.mark.parametrize("preset", ["smoke", "pre-norm", "language-model"])
def test_a_batch_is_learned_and_judged(catalog: Catalog, preset: str) -> None:
    small = [
        "corpus.pairs=60",
        "corpus.val_pairs=4",
        "corpus.test_pairs=8",
        "corpus.long_pairs=4",
        *([] if preset == "language-model" else ["task.beam=1"]),
    ]
    small += ["heads.words.depth=1"] if preset == "language-model" else LITTLE
    experiment = catalog.resolve("transformer", preset=preset, overrides=small).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


def test_it_translates_pairs_and_a_sentence_of_ones_own(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": str(n), "source": f"{n} red cubes", "target": f"{n} rote Würfel", "split": "train" if n < 8 else "test"}
        for n in range(12)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    overrides = [f"corpus.path={tmp_path / 'pairs.jsonl'}", "stages.translate.steps=2", "encoders.source.width=16"]
    overrides += ["encoders.source.vocabulary=400", "encoders.target.vocabulary=400", "task.beam=2", "task.shown=0"]
    overrides += ["encoders.source.tokens=24", "encoders.target.tokens=24"]
    resolved = catalog.resolve("transformer", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4 and done.report.metrics[0].name == "exact"
    assert main(["predict", str(tmp_path / "run"), "3 red cubes", "--out", str(tmp_path / "out")]) == 0
    assert "log_probability" in capsys.readouterr().out


def test_gates() -> None:
    """Margin of the specification, on the means over three seeds."""
    assert stored(ROOT, "default", "exact") >= stored(ROOT, "default", "exact/controls/zeroed_encoder") + 0.6
