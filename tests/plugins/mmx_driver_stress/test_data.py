"""PhysioNet's drivedb: windows of recordings of known ramps, in its own files; by a stand-in where wfdb is missing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx_driver_stress.data import DriveDb

NAMES = ["ECG", "EMG", "foot GSR", "hand GSR", "HR", "marker", "RESP"]
PER_FRAME = [32, 1, 2, 2, 1, 1, 2]
RATE = 15.5
SECONDS = 130


def rdrecord(name: str, smooth_frames: bool) -> SimpleNamespace:
    """Return a record whose channels hold the second of each sample, plus their number."""
    assert not smooth_frames, "each channel at its own rate"
    return SimpleNamespace(fs=RATE, sig_name=NAMES, samps_per_frame=PER_FRAME, e_p_signal=ramps())


def ramps() -> list[np.ndarray]:
    values = [number + np.arange(round(SECONDS * RATE * per)) / (RATE * per) for number, per in enumerate(PER_FRAME)]
    values[3][100:110] = np.nan
    return values


def write(folder: Path, name: str) -> None:
    """Write a record in PhysioNet's form: format 32, a million units for one, the smallest number for unknown."""
    frames = [
        np.nan_to_num(each * 1e6, nan=-(2.0**31)).round().reshape(-1, per)
        for each, per in zip(ramps(), PER_FRAME, strict=True)
    ]
    (folder / f"{name}.dat").write_bytes(np.concatenate(frames, axis=1).astype("<i4").tobytes())
    lines = [f"{name} {len(NAMES)} {RATE} {round(SECONDS * RATE)}"]
    for channel, per, each in zip(NAMES, PER_FRAME, frames, strict=True):
        lines.append(f"{name}.dat 32x{per} 1000000(0)/mV 32 0 {int(each[0, 0])} 0 0 {channel}")
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if importlib.util.find_spec("wfdb") is None:
        package = ModuleType("wfdb")
        package.rdrecord = rdrecord  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "wfdb", package)
    lines = ["record,start,end,level"]
    for number in range(1, 7):
        write(tmp_path, f"drive{number:02d}")
        lines += [f"drive{number:02d},{start},{start + 35},{level}" for start, level in
                  ((0, "low"), (40, "high"), (80, "medium"))]  # fmt: skip
    (tmp_path / "levels.csv").write_text("\n".join(lines))
    return tmp_path


def test_windows_of_records(folder: Path) -> None:
    corpus = DriveDb(str(folder))
    assert isinstance(corpus, Corpus)
    of = {name: {sample.targets["driver"] for sample in corpus.split(name)} for name in ("train", "val", "test")}
    assert {name: len(drivers) for name, drivers in of.items()} == {"train": 3, "val": 1, "test": 2}
    assert not of["train"] & of["test"]
    assert len(corpus.split("val")) == 9, "three whole windows of each stretch of 35 s"
    window = corpus.split("val")[4]
    assert (window.targets["label"], window.id) == (2, "drive04-50.0")
    ecg, skin, breath = (window.fields[name] for name in ("ecg", "skin", "breath"))
    assert (ecg.rate, skin.rate) == (496.0, 31.0)
    assert ecg.values_TC.shape == (4960, 1) and skin.values_TC.shape == (310, 2)
    for signal, offsets in ((ecg, [0]), (skin, [2, 3]), (breath, [6])):
        np.testing.assert_allclose(signal.values_TC[0], 50 + np.array(offsets), atol=1 / 31)


def test_what_is_not_known_holds_the_last_value(folder: Path) -> None:
    first = DriveDb(str(folder)).split("train")[0].fields["skin"].values_TC[:, 1]
    np.testing.assert_allclose(first[99:111], [3 + 99 / 31] * 11 + [3 + 110 / 31], rtol=1e-5)


def test_real_drivers_are_learned_judged_and_asked_about(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = Catalog.open(folder)
    overrides = [f"corpus.path={folder}", "stages.fit.steps=1", "stages.fit.batch_size=4"]
    resolved = catalog.resolve("driver_stress", preset="drivedb", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 18
    assert {"accuracy", "shared_subjects", "subject_told"} <= {metric.name for metric in done.report.metrics}
    asked = []
    for name, signal in DriveDb(str(folder)).split("test")[0].fields.items():
        rows = [[place / signal.rate, *row] for place, row in enumerate(signal.values_TC.tolist())]
        head = ["time", *(f"c{number}" for number in range(len(rows[0]) - 1))]
        lines = [",".join(map(str, row)) for row in (head, *rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
        asked += ["--field", f"{name}={tmp_path / f'{name}.csv'}"]
    assert main(["predict", str(tmp_path / "run"), *asked]) == 0
    assert "probability" in capsys.readouterr().out


def test_what_is_missing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"physionet\.org"):
        DriveDb()
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(DataError, match="pip install wfdb"):
        _ = DriveDb(str(folder)).split("train")[0].fields["ecg"]
    (folder / "levels.csv").write_text("record,start,end,level\ndrive01,0,20,calm")
    with pytest.raises(DataError, match=r"line 2: .*not in"):
        DriveDb(str(folder))
    (folder / "levels.csv").write_text("record,start,end,level\ndrive99,0,20,low")
    with pytest.raises(DataError, match="no such record"):
        DriveDb(str(folder))
    (folder / "levels.csv").unlink()
    with pytest.raises(DataError, match="record, start, end, level"):
        DriveDb(str(folder))
