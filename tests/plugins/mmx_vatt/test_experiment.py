"""The experiment as it is shipped: on a folder of videos, and with its stage of fine-tuning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmx.cli import main
from mmx.media.audio_image import write_video
from mmx_worlds.scenes.corpus import Scenes

TINY = [
    "encoders.video.width=16",
    "encoders.audio.width=16",
    "encoders.text.width=16",
    "fuser.sizes={video: {layers: 1, heads: 2}, audio: {layers: 1, heads: 2}, text: {layers: 1, heads: 2}}",
    "stages.pretrain.batch_size=4",
]


def videos(folder: Path, count: int = 10) -> Path:
    """Write videos of a few seconds with their own sound and subtitles; one is dumb, one has no subtitles."""
    world = Scenes(clips=1, test_clips=count, side=48, rate=8000, seconds=4.0, fps=5)
    rows = []
    for number, sample in enumerate(world.split("test")):
        dumb, unsaid = number == 3, number == 5
        write_video(folder / f"{number}.mp4", sample.fields["video"], None if dumb else sample.fields["audio"])
        cues = [
            {"start": max(0.0, c.start), "end": c.end, "text": c.text} for c in sample.fields["narration"] if c.end > 0
        ]
        row = {"video": f"{number}.mp4", "split": "test" if number > 5 else "train"}
        rows.append(row if unsaid else {**row, "subtitles": cues})
    path = folder / "videos.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_folder_of_videos_is_trained_on_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = videos(tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "vatt", f"corpus.path={path.name}", *TINY, "stages.pretrain.steps=2", "--preset", "videos"]
    assert main([*arguments, "--no-tracking", "-q"]) == 0, capsys.readouterr().err
    (report,) = (tmp_path / "runs" / "vatt").glob("*/report.json")
    found = json.loads(report.read_text())
    assert found["items"] == {"used": 4, "expected": 4}
    assert found["metrics"][0]["name"].startswith("text_to_video_recall")
    assert any("4 windows per item" in note for note in found["notes"])


def test_fine_tuning_runs_after_pretraining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["corpus.clips=12", "corpus.test_clips=6", "stages.pretrain.steps=1", "stages.finetune.steps=2"]
    arguments = ["run", "vatt", *TINY, *small, "stages.finetune.batch_size=4", "--preset", "finetune"]
    assert main([*arguments, "--no-tracking", "-q"]) == 0, capsys.readouterr().err
    (report,) = (tmp_path / "runs" / "vatt").glob("*/report.json")
    names = [metric["name"] for metric in json.loads(report.read_text())["metrics"]]
    assert "finetuned_accuracy" in names
