"""The two captioners: wiring only. Presets resolve, a batch is learned, sizes are the papers', own images are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mmx_show_tell
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_image
from mmx.model.build import Builder
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.testing.experiments import examine
from mmx_std.encoders.text.token_ids import TokenIds
from tests.plugins.stored import stored

ROOT = Path(mmx_show_tell.__file__).parent
NAMES = ("show_and_tell", "show_attend_tell")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["smoke", "drawings"])
def test_a_batch_is_learned_and_judged(catalog: Catalog, name: str, preset: str) -> None:
    small = ["corpus.clips=40", "corpus.val_clips=8", "corpus.test_clips=12", "task.shown=0"]
    experiment = catalog.resolve(name, preset=preset, overrides=small).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


@pytest.mark.parametrize(
    ("name", "place", "weights"),
    [
        # Inception's 2,048 into 512 without a bias, 12,000 words, an LSTM with torch's two biases, the output.
        ("show_and_tell", 2048, 2048 * 512 + 12_000 * 512 + 4 * 512 * (512 + 512 + 2) + (512 + 1) * 12_000),
        # The public code's matrices: words, first state, LSTM, attention, gate, output; matrix by matrix in
        # tests/plugins/mmx_std/heads/decoders/test_attention.py.
        ("show_attend_tell", 512, 5_120_000 + 2_109_456 + 20_340_000 + 1_447_425 + 1_801 + 6_314_768),
    ],
)
def test_the_decoders_of_the_papers_have_their_sizes(catalog: Catalog, name: str, place: int, weights: int) -> None:
    experiment = catalog.resolve(name, preset="paper").experiment
    texts = TokenIds(None, vocabulary=experiment.encoders["caption"].params["vocabulary"], tokens=40)
    builder = Builder(catalog.plugins.registry, 0)
    with torch.device("meta"):
        head = builder.part(
            experiment.heads["words"],
            "head",
            "heads.words",
            dims={"encoded.image": place},
            built={"encoders.caption": texts},
        )
    assert sum(each.numel() for each in head.parameters()) == weights


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_from_a_manifest_and_describes_an_image_of_ones_own(
    catalog: Catalog, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number in range(12):
        write_image(tmp_path / f"{number}.png", np.full((20, 30, 3), 20 * number, np.uint8))
        split = "train" if number < 8 else "test"
        caption = f"shade {number % 2} of grey"
        rows.append({"id": str(number), "image": f"{number}.png", "caption": caption, "split": split})
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'pairs.jsonl'}", "stages.describe.steps=1", "task.shown=1"]
    overrides += ["encoders.caption.tokens=8", "encoders.image.image_size=48"]
    resolved = catalog.resolve(name, preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4 and done.report.metrics[0].name == "rouge_l"
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "3.png"), "--out", str(tmp_path / "out")]) == 0
    assert "log_probability" in capsys.readouterr().out
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".png"]


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds; looking everywhere alike points with 0.11."""
    for name in ("show_and_tell", "show_attend_tell"):
        assert stored(ROOT, f"{name}-default", "object_recall") >= 0.7
    assert stored(ROOT, "show_attend_tell-default", "pointing") >= 0.5
