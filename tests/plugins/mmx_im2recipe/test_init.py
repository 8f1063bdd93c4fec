"""im2recipe: presets resolve, a batch is learned, sizes are the paper's, recipes of one's own are found by an image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mmx_im2recipe
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_image
from mmx.model.build import Builder
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.testing.experiments import examine
from mmx_std.encoders.text.rnn import TextRnn
from tests.plugins.stored import stored

ROOT = Path(mmx_im2recipe.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_sides_learn_in_turn_and_every_round_has_the_same_loss(catalog: Catalog) -> None:
    stages = catalog.resolve("im2recipe").experiment.stages
    updates = [stage.updates[0] for stage in stages if stage.name.startswith("round")]
    image = [update.trains == ("encoders.image",) for update in updates]
    assert image == [False, True] * (len(updates) // 2) and len(updates) >= 4
    assert all("encoders.image" not in update.trains for update in updates[::2])
    first = updates[0].objective
    assert all(update.objective == first for update in updates)
    assert first.params["weights"] == {"match": 0.98, "semantic": 0.02}
    match = first.params["objectives"]["match"].params
    assert (match["kind"], match["positive_rate"], match["margin"]) == ("cosine-embedding", 0.2, 0.1)


def test_a_batch_is_learned_and_judged(catalog: Catalog) -> None:
    small = ["corpus.clips=32", "corpus.test_clips=12"]
    experiment = catalog.resolve("im2recipe", preset="smoke", overrides=small).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


def test_the_paper_has_its_sizes(catalog: Catalog) -> None:
    """ResNet-50 without its classifier; both LSTMs with torch's two biases; 1,624 and 2,048 into 1,024."""
    experiment = catalog.resolve("im2recipe", preset="paper").experiment
    builder = Builder(catalog.plugins.registry, 0)
    sizes, widths = {}, {}
    with torch.device("meta"):
        for name, part in experiment.encoders.items():
            encoder = builder.part(part, "encoder", f"encoders.{name}", corpus=None)
            sizes[name] = sum(each.numel() for each in encoder.parameters())
            widths[name] = encoder.out_dim
            if name == "ingredients":
                assert isinstance(encoder, TextRnn) and encoder.table.weight.shape == (30_000, 300)
        fuser = builder.part(experiment.fuser, "fuser", "fuser", dims=widths)
        names = ["background", *map(str, range(1047))]
        head = builder.part(
            experiment.heads["classes"], "head", "heads.classes", dims=fuser.dims, classes={"class": names}
        )
    assert widths == {"image": 2048, "ingredients": 600, "instructions": 1024}
    words = 30_000 * 300
    assert sizes["image"] == 23_508_032
    assert sizes["ingredients"] == words + 2 * 4 * 300 * (300 + 300 + 2)
    assert sizes["instructions"] == words + 4 * 1024 * (300 + 1024 + 2) + 4 * 1024 * (1024 + 1024 + 2)
    assert sum(each.numel() for each in fuser.parameters()) == (1624 + 1) * 1024 + (2048 + 1) * 1024
    assert sum(each.numel() for each in head.parameters()) == (1024 + 1) * 1048


def test_an_image_finds_its_recipe_in_a_file_of_texts(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number in range(12):
        write_image(tmp_path / f"{number}.png", np.full((20, 30, 3), 20 * number, np.uint8))
        told = {"ingredients": f"flour, salt, egg {number % 3}", "instructions": f"Mix it. Bake it {number} times."}
        rows.append({"id": str(number), "image": f"{number}.png", "split": "train" if number < 8 else "test", **told})
    (tmp_path / "recipes.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'recipes.jsonl'}", "stages.round-4.steps=1", "stages.round-4.batch_size=4"]
    overrides += ["encoders.image.image_size=32"]
    resolved = catalog.resolve("im2recipe", preset="own", overrides=overrides, settings={"device": "cpu"})
    run = tmp_path / "run"
    run.mkdir()
    done = execute(resolved, catalog.plugins, run, Quiet(), tracking=False)
    assert done is not None and done.report.used == 4 and done.report.metrics[0].name == "recall_at_1"
    recipes = ["flour, egg 1 | Bake it 3 times.", "flour, egg 1 | Mix it.", "salt"]
    (tmp_path / "found.txt").write_text("\n".join(recipes))
    capsys.readouterr()
    assert main(["predict", str(run), str(tmp_path / "3.png"), "--texts", str(tmp_path / "found.txt")]) == 0
    told = capsys.readouterr().out
    assert all(recipe in told for recipe in recipes)
    assert "not among the words" not in told  # nor is the mark between the texts one


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds: each text alone tells less than both."""
    rank, first = (stored(ROOT, "default", name) for name in ("median_rank", "recall_at_1"))
    assert rank < 30
    for half in ("ingredients-only", "instructions-only"):
        assert stored(ROOT, half, "median_rank") > rank and stored(ROOT, half, "recall_at_1") < first
