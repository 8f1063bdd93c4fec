from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import read_audio, read_image, read_video
from mmx.report.write import pixels, write_report
from mmx.types import Audio, Card, Clip, Figure, Metric, PaperValue, Report, Video

FACTS: dict[str, Any] = {
    "experiment": "shapes",
    "preset": "smoke",
    "seed": 3,
    "seconds": 12.345,
    "peak_rss_mb": 321.98,
    "params": 1234,
    "environment": {"python": "3.11", "git_commit": "abc", "git_dirty": "no"},
    "card": Card("A paper", "What it does.", "MIT"),
}


def test_report_json_has_exactly_the_agreed_shape(tmp_path: Path) -> None:
    metric = Metric(
        "accuracy", 0.6, ci95=(0.5, 0.7), chance=0.1, untrained=float("nan"),
        baselines={"linear": 0.3}, controls={"shuffled": 0.2},
        references={"oracle": 1.0}, paper=PaperValue(0.9, "ten times the data"),
        gaps={"chance": (0.4, 0.6), "untrained": (float("nan"), float("nan"))}, units=12, unit="speakers",
    )  # fmt: skip
    report = Report([metric, Metric("kl", 1.0, "lower")], 8, 10, notes=["Two could not be read."])
    write_report(tmp_path, report, **FACTS)
    written = json.loads((tmp_path / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert written == {
        "experiment": "shapes",
        "preset": "smoke",
        "seed": 3,
        "items": {"used": 8, "expected": 10},
        "seconds": 12.35,
        "peak_rss_mb": 322.0,
        "params": 1234,
        "metrics": [
            {
                "name": "accuracy",
                "value": 0.6,
                "ci95": [0.5, 0.7],
                "better": "higher",
                "chance": 0.1,
                "untrained": None,
                "baselines": {"linear": 0.3},
                "controls": {"shuffled": 0.2},
                "references": {"oracle": 1.0},
                "paper": {"value": 0.9, "scale": "ten times the data"},
                "gaps": {"chance": [0.4, 0.6], "untrained": [None, None]},
                "units": 12,
                "unit": "speakers",
            },
            {
                "name": "kl",
                "value": 1.0,
                "ci95": None,
                "better": "lower",
                "chance": None,
                "untrained": None,
                "baselines": {},
                "controls": {},
                "references": {},
                "paper": None,
                "gaps": {},
                "units": None,
                "unit": "items",
            },
        ],
        "verdict": "not better than untrained",
        "notes": ["Two could not be read."],
        "environment": {"python": "3.11", "git_commit": "abc", "git_dirty": "no"},
        "git_commit": "abc",
        "command": "mmx run shapes --preset smoke --seed 3",
    }


def media() -> dict[str, Any]:
    audio = Audio(np.sin(np.arange(8000) / 10)[None].astype(np.float32), 8000)
    video = Video(np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8), 4.0)
    return {"audio": audio, "video": video, "both": (video, audio), "still": video.frames_THWC[0]}


def test_media_are_written_and_can_be_read_again(tmp_path: Path) -> None:
    clips = [Clip(key, value, f"The {key}.") for key, value in media().items()]
    page = write_report(tmp_path, Report([Metric("a", 1.0)], 1, 1, clips=clips), **FACTS).read_text()
    assert read_audio(tmp_path / "media" / "audio.wav").seconds == 1.0
    assert read_video(tmp_path / "media" / "video.mp4").frames_THWC.shape == (4, 16, 16, 3)
    assert read_audio(tmp_path / "media" / "both.mp4").rate == 8000
    assert np.array_equal(read_image(tmp_path / "media" / "still.png"), media()["still"])
    assert page.count("<audio") == 1
    assert page.count("<video") == 2
    assert page.count("data:") == 4


def test_an_image_that_cannot_be_written_costs_a_note(tmp_path: Path) -> None:
    silence = Audio(np.full((1, 9), np.nan, np.float32), 8000)
    report = Report(
        [Metric("a", 1.0, chance=0.0)], 1, 1, clips=[Clip("broken", silence, "")], figures=[Figure("odd", "text", "")]
    )
    write_report(tmp_path, report, **FACTS)
    notes = json.loads((tmp_path / "report.json").read_text())["notes"]
    assert [note.split(" ")[0] for note in notes] == ["odd", "broken"]
    assert str(tmp_path) not in "".join(notes)


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    figure = Figure("../../up/../é", media()["still"], "")
    write_report(tmp_path / "run", Report([], 1, 1, figures=[figure]), **FACTS)
    assert [path.name for path in (tmp_path / "run" / "media").iterdir()] == ["up.png"]


def test_equal_keys_do_not_overwrite_each_other(tmp_path: Path) -> None:
    still = media()["still"]
    clips = [Clip("a", still, ""), Clip("a", still // 2, ""), Clip("a.", still // 4, "")]
    write_report(tmp_path, Report([], 1, 1, clips=clips), **FACTS)
    for name, divisor in (("a", 1), ("a-2", 2), ("a-3", 4)):
        assert np.array_equal(read_image(tmp_path / "media" / f"{name}.png"), still // divisor)


def test_matplotlib_figures_become_pixels() -> None:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(2, 1))
    drawing.add_subplot().plot([1, 2])
    shown = pixels(drawing)
    assert shown.dtype == np.uint8
    assert shown.shape[2] == 3
    with pytest.raises(DataError):
        pixels(np.zeros((2, 2, 3)))


def test_a_failed_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(tmp_path, Report([Metric("a", 1.0)], 1, 1), **FACTS)
    before = (tmp_path / "report.html").read_text()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report(tmp_path, Report([Metric("b", 2.0)], 1, 1), **FACTS)
    assert (tmp_path / "report.html").read_text() == before
    assert json.loads((tmp_path / "report.json").read_text())["metrics"][0]["name"] == "a"
