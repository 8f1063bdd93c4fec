"""Imbalance of modalities: wiring only. Presets resolve and learn, and the stored results pass their gates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmx_modality_balance
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Report
from tests.plugins.stored import stored

ROOT = Path(mmx_modality_balance.__file__).parent
PRESETS = ("default", "ogm", "ogm-ge", "dropout", "blend", "blend-online", "auxiliary", "sensor-only", "image-only")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def short(catalog: Catalog, folder: Path, preset: str, *overrides: str) -> Report:
    """Run a preset for two steps and return what was found."""
    given = ["corpus.clips=32", "corpus.val_clips=16", "corpus.test_clips=24", "stages.fit.steps=2"]
    given += ["stages.fit.batch_size=16", "task.tasks.classes.simple=false", *overrides]
    resolved = catalog.resolve("modality_balance", preset=preset, overrides=given, settings={"device": "cpu"})
    folder.mkdir()
    done = execute(resolved, catalog.plugins, folder, Quiet(), tracking=False)
    assert done is not None
    return done.report


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]


def test_the_ratio_and_the_probes_are_in_the_report_and_on_its_page(catalog: Catalog, tmp_path: Path) -> None:
    report = short(catalog, tmp_path / "run", "ogm-ge")
    names = {metric.name for metric in report.metrics}
    assert {"accuracy", "peak_ratio", "final_ratio", "probe_sensor", "probe_image"} <= names
    curves = {
        json.dumps(line)
        for line in (tmp_path / "run" / "journal.jsonl").read_text("utf-8").splitlines()
        if "modality" in line
    }
    for number in ("score", "ratio", "gradient", "update", "modulation"):
        assert any(f"train/fit/modality/image/{number}" in line for line in curves), number
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "<h2>Modalities</h2>" in page and "update over weight" in page
    stored = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert set(stored["modalities"]["without"]) == {"sensor", "image"}


def test_blended_weights_are_logged(catalog: Catalog, tmp_path: Path) -> None:
    short(catalog, tmp_path / "run", "blend", "stages.fit.balance.trial=2")
    journal = (tmp_path / "run" / "journal.jsonl").read_text("utf-8")
    assert all(f"train/fit/blend/{name}" in journal for name in ("joint", "sensor", "image"))
    assert "train/fit/modality/image/ratio" in journal, "of the joint loss's own head"


def test_gates() -> None:
    """Above 2 early, lowered by the modulator, and the joint model within .02 of the best single one."""
    assert stored(ROOT, "default", "peak_ratio") > 2
    assert stored(ROOT, "ogm-ge", "peak_ratio") < stored(ROOT, "default", "peak_ratio")
    assert stored(ROOT, "default", "accuracy") >= stored(ROOT, "image-only", "accuracy") - 0.02
