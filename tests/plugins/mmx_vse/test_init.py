"""Visual-semantic embeddings: wiring only. Presets resolve, and the loss is the paper's in the paper's form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mmx_vse
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_image
from mmx.model.build import Builder, build
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Batch, Features, Outputs

ROOT = Path(mmx_vse.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]
    assert mmx_vse.CARD.deviations and mmx_vse.CARD.caveats


def test_the_loss_is_summed_over_the_batch_and_images_keep_their_length(catalog: Catalog) -> None:
    """Over j != i: max(0, .2 - s_ii + s_ij) + max(0, .2 - s_ii + s_ji), with s = image . sentence / |sentence|."""
    part = catalog.resolve("vse").experiment.stages[0].updates[0].objective
    objective = Builder(catalog.plugins.registry, 0).part(part, "objective", "objective")
    torch.manual_seed(0)
    image, text = torch.randn(5, 3), torch.randn(5, 3)
    batch = Batch(list("abcde"), targets={"sentence": list("abcde")})
    outputs = Outputs(fused={"image": Features(image), "text": Features(text)})
    s = [[float(x @ y) / float(y @ y) ** 0.5 for y in text] for x in image]
    expected = sum(
        max(0.0, 0.2 - s[i][i] + s[i][j]) + max(0.0, 0.2 - s[i][i] + s[j][i])
        for i in range(5)
        for j in range(5)
        if i != j
    )
    assert float(objective(outputs, batch)["loss"]) == pytest.approx(expected, rel=1e-5)


def test_words_are_summed_before_they_are_projected(catalog: Catalog) -> None:
    """The space of words is the paper's linear one: a bag's vector is the sum of its words'."""
    built = build(catalog.resolve("vse", preset="smoke").experiment, catalog.plugins.registry)
    encoder = built.model.encoders["text"]
    both, red, circle = (encoder(encoder.prepare(text)[None]).pooled_BD for text in ("red circle", "red", "circle"))
    torch.testing.assert_close(both, red + circle)


def test_it_learns_from_a_manifest_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    rows = []
    for number in range(20):
        write_image(tmp_path / f"{number}.png", np.full((40, 50, 3), 10 * number, np.uint8))
        split = "train" if number < 12 else "test"
        caption = f"shade number {number}"
        rows.append({"id": str(number), "image": f"{number}.png", "caption": caption, "split": split})
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'pairs.jsonl'}", "stages.align.steps=1", "stages.align.batch_size=4"]
    resolved = catalog.resolve("vse", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 8
    assert done.report.metrics[0].name == "recall_at_1"
