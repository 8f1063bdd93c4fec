"""GLIP's wiring: presets resolve, a batch is learned, boxes are drawn on a photo, own boxes are learned from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mmx_glip
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.media.audio_image import read_image, write_image
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.testing.experiments import examine
from tests.plugins.stored import stored

ASKED = "a red square. a blue circle."


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def run(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one smoke run."""
    folder = tmp_path_factory.mktemp("run")
    resolved = catalog.resolve("glip", preset="smoke", settings={"device": "cpu"})
    assert execute(resolved, catalog.plugins, folder, Quiet(), tracking=False) is not None
    return folder


def test_the_card_names_what_is_not_the_papers() -> None:
    assert mmx_glip.CARD.deviations and mmx_glip.CARD.caveats and mmx_glip.CARD.claims


def test_a_batch_is_learned_and_judged(catalog: Catalog) -> None:
    small = ["corpus.clips=40", "corpus.val_clips=8", "corpus.test_clips=12", "task.shown=0", "task.simple=false"]
    experiment = catalog.resolve("glip", preset="smoke", overrides=small).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


def test_boxes_are_drawn_on_a_photo(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "photo.png", np.full((40, 90, 3), 60, np.uint8))
    arguments = ["predict", str(run), str(tmp_path / "photo.png"), "--texts", ASKED, "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "a red square" in told and "a blue circle" in told and "score" in told
    (drawn,) = (tmp_path / "out").iterdir()
    assert read_image(drawn).shape[1] == 420
    assert main(["predict", str(run), str(tmp_path / "photo.png")]) == 2
    assert "--texts" in capsys.readouterr().err


def test_it_learns_from_boxes_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    images = [{"id": number, "file_name": f"{number}.png", "width": 40, "height": 30} for number in range(24)]
    boxes = [{"image_id": number, "category_id": 1, "bbox": [5, 5, 20, 20]} for number in range(24)]
    for number in range(24):
        write_image(tmp_path / f"{number}.png", np.full((30, 40, 3), 9 * number, np.uint8))
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "grey square"}]}
    (tmp_path / "instances.json").write_text(json.dumps(content))
    overrides = [f"corpus.path={tmp_path / 'instances.json'}", "corpus.test=0.4", "stages.ground.steps=1"]
    overrides += ["encoders.image.image_size=64", "encoders.image.widths=[8, 16]", "stages.ground.batch_size=4"]
    overrides += ["fuser.blocks=1", "task.simple=false", "task.shown=0"]
    resolved = catalog.resolve("glip", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used > 3 and done.report.metrics[0].name == "recall_at_1"


@pytest.mark.parametrize("key", ["recall_at_1", "recall_at_1_novel"])
def test_gates(key: str) -> None:
    """The right box first, .25 above prompts of other images in training and at test; also what was never named."""
    root = Path(mmx_glip.__file__).parent
    assert stored(root, "default", key) >= stored(root, "shuffled", key) + 0.25
    assert stored(root, "default", key) >= stored(root, "default", f"{key}/controls/shuffled_prompt") + 0.25
