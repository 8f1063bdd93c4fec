"""Early and late fusion: wiring only. Presets resolve, parts learn alone, and the stored results pass their gates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mmx_fusion
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_image
from mmx.model.build import build
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.training.updates import trained
from tests.plugins.stored import stored

ROOT = Path(mmx_fusion.__file__).parent
NAMES = ("early_fusion", "late_fusion")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]


def test_no_part_of_a_late_ensemble_sees_another(catalog: Catalog) -> None:
    """Each update trains what only one field flows through, on the loss of that part alone."""
    overrides = ["corpus.clips=16", "corpus.val_clips=8", "corpus.test_clips=8", "corpus.seed=3"]
    experiment = catalog.resolve("late_fusion", preset="stacked", overrides=overrides).experiment
    built = build(experiment, catalog.plugins.registry)
    updates = [update for stage in built.stages[:-1] for update in stage.updates]
    assert len(updates) == 6
    for update in updates:
        (encoder,) = {path.split(".")[1] for path in trained(update, built.model) if path.startswith("encoders")}
        assert built.model.plan(update.needs).encoders == (encoder,)
        assert all(encoder in path.split(".") for path in trained(update, built.model))
        assert update.objective.hold_out == ({"fold": int(encoder[-1])} if encoder[-1].isdigit() else {})
    assert set(trained(built.stages[-1].updates[0], built.model)) == {
        "fuser.regression.weight",
        "fuser.regression.bias",
    }


def test_weights_of_the_ensemble_are_learned_on_a_split_that_no_part_saw(catalog: Catalog) -> None:
    stages = catalog.resolve("late_fusion", preset="useless-weighted").experiment.stages
    assert [(stage.name, stage.split) for stage in stages] == [
        ("sensor", "train"),
        ("image", "train"),
        ("weigh", "val"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_from_a_manifest_and_answers_for_files_of_ones_own(
    catalog: Catalog, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number in range(12):
        label, split = "ab"[number % 2], "train" if number < 8 else "test"
        lines = [f"{t / 32},{t % 5},{number % 2},{number},{-t}" for t in range(32)]
        (tmp_path / f"{number}.csv").write_text("\n".join(["time,p,q,r,s", *lines]) + "\n")
        write_image(tmp_path / f"{number}.png", np.full((20, 30, 3), 20 * number, np.uint8))
        files = {"sensor": f"{number}.csv", "image": f"{number}.png"}
        rows.append({"id": str(number), **files, "label": label, "split": split})
    (tmp_path / "items.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    steps = ["stages.fit.steps=1"] if name == "early_fusion" else ["stages.sensor.steps=1", "stages.image.steps=1"]
    overrides = [f"corpus.path={tmp_path / 'items.jsonl'}", *steps]
    resolved = catalog.resolve(name, preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4
    asked = ["predict", str(tmp_path / "run"), str(tmp_path / "3.csv"), "--field", f"image={tmp_path / '3.png'}"]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0
    assert "probability" in capsys.readouterr().out


def test_gates() -> None:
    """The four proofs of the specification, means over three seeds: redundant, useless, missing, exclusive or."""
    early, late = (stored(ROOT, f"{name}-default", "accuracy") for name in NAMES)
    assert abs(early - late) < 0.02, "independent cues that both tell: either way to fuse will do"
    alone = [stored(ROOT, "late_fusion-default", f"{name}_accuracy") for name in ("sensor", "image")]
    missing = [stored(ROOT, "late_fusion-default", f"accuracy_without_{name}") for name in ("image", "sensor")]
    assert all(left >= own - 0.02 for left, own in zip(missing, alone, strict=True))
    assert max(missing) >= max(alone) - 0.02
    useless = stored(ROOT, "late_fusion-useless-weighted", "accuracy")
    assert useless >= stored(ROOT, "late_fusion-useless-weighted", "sensor_accuracy") - 0.01
    assert stored(ROOT, "late_fusion-exclusive-or", "accuracy") <= 0.55
    assert stored(ROOT, "early_fusion-exclusive-or", "accuracy") >= 0.9
