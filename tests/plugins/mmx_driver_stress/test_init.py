"""Driver stress: presets resolve and learn, on simulated drivers and on recordings of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmx_driver_stress
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from tests.plugins.stored import stored

ROOT = Path(mmx_driver_stress.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_the_verdict_is_over_drivers(catalog: Catalog) -> None:
    experiment = catalog.resolve("driver_stress").experiment
    assert experiment.task.params["tasks"]["classes"].params["unit"] == "driver"


def test_recordings_of_ones_own(catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = {"ecg": (50, 1), "vehicle": (5, 4), "context": (1, 5)}
    rows = []
    for number in range(8):
        row = {"id": str(number), "label": ("low", "medium", "high")[number % 3], "group": f"d{number}"}
        for name, (rate, channels) in rates.items():
            lines = [
                f"{t / rate}," + ",".join(str((t * number + c) % 7) for c in range(channels)) for t in range(10 * rate)
            ]
            header = "time," + ",".join(f"c{c}" for c in range(channels))
            (tmp_path / f"{name}{number}.csv").write_text("\n".join([header, *lines]) + "\n")
            row[name] = f"{name}{number}.csv"
        rows.append({**row, "split": "train" if number < 6 else "test"})
    (tmp_path / "drives.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'drives.jsonl'}", "stages.fit.steps=1", "stages.fit.batch_size=4"]
    resolved = catalog.resolve("driver_stress", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 2
    given = [each for name in rates for each in ("--field", f"{name}={tmp_path / f'{name}3.csv'}")]
    assert main(["predict", str(tmp_path / "run"), *given, "--out", str(tmp_path / "out")]) == 0
    assert "probability" in capsys.readouterr().out


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds."""
    best = max(stored(ROOT, f"{name}-only", "accuracy") for name in ("ecg", "vehicle", "context"))
    assert stored(ROOT, "default", "accuracy") >= best + 0.08
