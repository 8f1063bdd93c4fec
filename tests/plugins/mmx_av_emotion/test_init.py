"""Emotion from voice and face: presets resolve and learn, and recordings of one's own are learned and judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import mmx_av_emotion
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_audio, write_video
from mmx.model.build import Builder, build
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Sample
from mmx_av_emotion.model.fusion import SegmentFusion
from mmx_std.corpora.imports.writing import import_layout
from mmx_worlds.emotions import Emotions
from tests.plugins.stored import stored

ROOT = Path(mmx_av_emotion.__file__).parent
TINY = [
    *("stages.audio.steps=1", "stages.video.steps=1", "stages.fusion.steps=1"),
    *("stages.audio.batch_size=4", "stages.video.batch_size=4", "stages.fusion.batch_size=4"),
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("preset", ["audio-only", "video-only", "late", "pool-first", "max", "end-to-end"])
def test_each_way_to_fuse_is_judged_by_its_logits(catalog: Catalog, preset: str) -> None:
    overrides = ["corpus.speakers=12", "corpus.clips=6"]
    built = build(
        catalog.resolve("av_emotion", preset=preset, overrides=overrides).experiment, catalog.plugins.registry
    )
    port = built.task.needs[0]
    clips = [built.corpus.split("train")[place] for place in range(3)]
    batch = built.model.prepare(clips, built.model.plan([port]).encoders)
    outputs = built.model(batch, [port])
    logits = outputs.heads["label"] if port == "heads.label" else outputs.fused["joint"].pooled_BD
    assert logits.shape == (3, 6)


def test_two_stages(catalog: Catalog) -> None:
    """Networks of one modality learn alone, the fusion afterwards and without them (section III)."""
    audio, video, fusion = catalog.resolve("av_emotion").experiment.stages
    assert {*audio.updates[0].trains} == {"encoders.audio", "heads.audio"}
    assert {*video.updates[0].trains} == {"encoders.video", "heads.video"}
    assert {*fusion.updates[0].trains} == {"fuser", "heads.label"}


def test_the_papers_network_has_its_sizes(catalog: Catalog) -> None:
    overrides = ["encoders.audio.weights=null", "encoders.video.weights=null"]
    experiment = catalog.resolve("av_emotion", preset="paper", overrides=overrides).experiment
    builder = Builder(catalog.plugins.registry, 0)
    with torch.device("meta"):
        video = builder.part(experiment.encoders["video"], "encoder", "encoders.video", corpus=None)
        fuser = SegmentFusion({"audio": 4096, "video": video.out_dim}, hidden=experiment.fuser.params["hidden"])
    sizes = (8192, 4096, 2048, 1024, 512)
    assert sum(each.numel() for each in fuser.parameters()) == sum((a + 1) * b for a, b in pairwise(sizes))
    assert fuser.dims["joint"] == 512
    assert experiment.encoders["audio"].params["hop"] == pytest.approx(0.655 - 0.3), "segments overlap by 30 frames"


def crema_d(folder: Path) -> dict[str, str]:
    """Write 24 clips as CREMA-D has them, voices (.wav) and faces (.flv); return the split of each actor."""
    (folder / "AudioWAV").mkdir()
    (folder / "VideoFlash").mkdir()
    emotions = ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS")
    for number, clip in enumerate(clips()):
        name = f"{1001 + number // 6}_DFA_{emotions[number % 6]}_XX"
        write_audio(folder / "AudioWAV" / f"{name}.wav", clip.fields["audio"])
        write_video(folder / f"{name}.mp4", clip.fields["video"]).rename(folder / "VideoFlash" / f"{name}.flv")
    return {"1001": "train", "1002": "train", "1003": "val", "1004": "test"}


def ravdess(folder: Path) -> dict[str, str]:
    """Write 24 clips as RAVDESS has them, voice and face in one file; return the split of each actor."""
    for number, clip in enumerate(clips()):
        actor = 1 + number // 6
        (folder / f"Actor_{actor:02d}").mkdir(exist_ok=True)
        path = folder / f"Actor_{actor:02d}" / f"01-01-{(1, 3, 4, 5, 6, 7)[number % 6]:02d}-01-01-01-{actor:02d}.mp4"
        write_video(path, clip.fields["video"], clip.fields["audio"])
    return {"actor-01": "train", "actor-02": "train", "actor-03": "val", "actor-04": "test"}


@cache
def clips() -> list[Sample]:
    return [Emotions(speakers=12, clips=6).split("train")[number] for number in range(24)]


@pytest.mark.parametrize(
    ("layout", "write", "labels"),
    [
        ("crema-d", crema_d, {"neutral", "happy", "sad", "anger", "fear", "disgust"}),
        ("ravdess", ravdess, {"neutral", "happy", "sad", "angry", "fearful", "disgust"}),
    ],
    ids=["crema-d", "ravdess"],
)
def test_recordings_in_their_published_form(
    catalog: Catalog,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    layout: str,
    write: Callable[[Path], dict[str, str]],
    labels: set[str],
) -> None:
    """Each clip becomes one row; actors are divided; a run is trained and judged, and one clip is asked about."""
    split = write(tmp_path)
    assert import_layout(layout, tmp_path, tmp_path / "clips.jsonl").used == 24
    rows = [json.loads(line) for line in (tmp_path / "clips.jsonl").read_text().splitlines()]
    written = [{**row, "split": split[row["group"]]} for row in rows]
    (tmp_path / "clips.jsonl").write_text("\n".join(map(json.dumps, written)))
    overrides = [f"corpus.path={tmp_path / 'clips.jsonl'}", *TINY]
    overrides += ["encoders.audio.widths=[4]", "encoders.video.widths=[4]", "encoders.video.image_size=16"]
    resolved = catalog.resolve("av_emotion", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    run = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert run is not None and run.report.used == 6
    assert {row["truth"] for row in run.report.predictions} == labels
    asked = [str(tmp_path / rows[0]["video"])]
    if "audio" in rows[0]:
        given = [("audio", tmp_path / rows[0]["audio"]), ("video", tmp_path / rows[0]["video"])]
        asked = [each for name, path in given for each in ("--field", f"{name}={path}")]
    assert main(["predict", str(tmp_path / "run"), *asked, "--out", str(tmp_path / "out")]) == 0
    assert "probability" in capsys.readouterr().out


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds."""
    fused = stored(ROOT, "default", "accuracy")
    assert fused >= max(stored(ROOT, f"{name}-only", "accuracy") for name in ("audio", "video")) + 0.1
    assert fused > stored(ROOT, "default", "one_segment"), "averaging helps"
