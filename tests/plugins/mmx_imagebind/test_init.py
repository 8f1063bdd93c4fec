"""ImageBind: wiring only. Frozen towers stay, modalities never meet text, public sizes, a user's files are added up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchaudio.compliance.kaldi  # noqa: F401  # its constants are tensors, which must not be made on the meta device
from click.testing import CliRunner

import mmx_imagebind
from mmx.cli.predict import command
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_audio, write_image
from mmx.model.build import Builder
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Audio
from tests.plugins.mmx_std.weights.test_imagebind import published

ROOT = Path(mmx_imagebind.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]
    assert mmx_imagebind.CARD.deviations and mmx_imagebind.CARD.caveats
    assert "not for commercial use" in mmx_imagebind.CARD.licence
    assert any("stand-in" in each for each in mmx_imagebind.CARD.deviations)


def test_only_images_and_text_ever_meet_text(catalog: Catalog) -> None:
    """What is learned in the second stage: pairs with images alone, at the fixed scales of the paper, towers frozen."""
    clip, bind = catalog.resolve("imagebind").experiment.stages
    assert {*clip.updates[0].trains} == {
        *("encoders.image", "encoders.text", "fuser.projections.image", "fuser.projections.text", "objective")
    }
    others = {"audio", "depth", "thermal", "motion"}
    assert {*bind.updates[0].trains} == {
        f"{part}.{name}" for part in ("encoders", "fuser.projections") for name in others
    }
    parts = bind.updates[0].objective.params["objectives"]
    assert {part.params["a"] for part in parts.values()} == {"image"}
    assert {part.params["b"] for part in parts.values()} == others
    scales = {part.params["b"]: 1 / part.params["temperature"] for part in parts.values()}
    assert scales == pytest.approx({"audio": 20, "depth": 5, "thermal": 10, "motion": 5})
    assert not any(part.params["learned"] or part.params["positives"] for part in parts.values())


def test_the_papers_towers_have_the_sizes_of_its_table(catalog: Catalog) -> None:
    """Of width d with L blocks: L (12 d^2 + 13 d), and 2 d more for each learned key and value."""

    def blocks(width: int, depth: int, *, kv: bool) -> int:
        return depth * (12 * width**2 + (15 if kv else 13) * width)

    def patches(width: int, depth: int, pixels: int, tokens: int) -> int:
        ends = pixels * width + 2 * width + width + (tokens + 1) * width + 2 * width + 1024 * width
        return ends + blocks(width, depth, kv=True)

    expected = {
        # The two frames of a patch are added up: 3 x 14 x 14 x 1,280 fewer than published.
        "image": 3 * 14 * 14 * 1280 + 1280 + 257 * 1280 + 4 * 1280 + blocks(1280, 32, kv=False) + 1280 * 1024,
        "text": 49408 * 1024 + 77 * 1024 + blocks(1024, 24, kv=False) + 2 * 1024 + 1024 * 1024,
        "audio": patches(768, 12, 256, 12 * 19),
        "depth": patches(384, 12, 256, 14 * 14),
        "thermal": patches(768, 12, 256, 14 * 14),
        "motion": patches(512, 6, 48, 250),
    }
    experiment = catalog.resolve("imagebind", preset="paper").experiment
    builder = Builder(catalog.plugins.registry, 0)
    with torch.device("meta"):
        parts = {
            name: builder.part(part, "encoder", f"encoders.{name}", corpus=None)
            for name, part in experiment.encoders.items()
        }
    counts = {name: sum(each.numel() for each in part.parameters()) for name, part in parts.items()}
    assert counts == expected
    assert sum(counts.values()) == 1_200_028_416
    assert {part.out_dim for part in parts.values()} == {1024}


def test_public_weights_answer_without_training(catalog: Catalog, tmp_path: Path, files: Path) -> None:
    """A small file in the published layout: six towers are loaded, judged, and asked about a user's files."""
    torch.save(published(), tmp_path / "imagebind_tiny.pth")
    sizes = {"width": 16, "depth": 2, "heads": 2, "out": 8}
    told = {
        "image": {**sizes, "patch": 8, "image_size": 16},
        "text": {**sizes, "vocabulary": 50, "tokens": 7, "words": "null", "tokenizer": "word"},
        "audio": {**sizes, "bands": 36, "frames": 46, "frontend.bands": 36, "frontend.frames": 46},
        "depth": {**sizes, "patch": 8, "image_size": 16},
        "thermal": {**sizes, "patch": 8, "image_size": 16},
        "motion": {**sizes, "steps": 20, "patch": 4},
    }
    overrides = [f"encoders.{name}.{key}={value}" for name, each in told.items() for key, value in each.items()]
    overrides += [f"encoders.{name}.weights={tmp_path / 'imagebind_tiny.pth'}" for name in told]
    overrides += ["corpus.side=24", "corpus.test_clips=12"]
    resolved = catalog.resolve("imagebind", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "runs" / "imagebind" / "1").mkdir(parents=True)
    done = execute(resolved, catalog.plugins, tmp_path / "runs" / "imagebind" / "1", Quiet(), tracking=False)
    assert done is not None and done.report.used == 12
    arguments = ["imagebind", str(files / "red.png"), "--texts", "a circle", "--runs", str(tmp_path / "runs")]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert answer.exit_code == 0 and "a circle" in answer.output, answer.output


@pytest.fixture(scope="module")
def smoke(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The runs folder and the report of one smoke run."""
    folder = tmp_path_factory.mktemp("runs")
    resolved = catalog.resolve("imagebind", preset="smoke", settings={"device": "cpu"})
    (folder / "imagebind" / "1").mkdir(parents=True)
    done = execute(resolved, catalog.plugins, folder / "imagebind" / "1", Quiet(), tracking=False)
    assert done is not None
    return folder, done.report


def test_every_modality_is_judged_by_text_and_sums_by_both(smoke: tuple[Path, Any]) -> None:
    metrics = {metric.name: metric for metric in smoke[1].metrics}
    named = ("accuracy", "thermal_accuracy", "motion_accuracy", "depth_accuracy", "image_accuracy")
    assert [metrics[name].chance for name in named] == pytest.approx([1 / 24, 1 / 24, 1 / 24, 1 / 4, 1 / 24])
    assert set(metrics["accuracy"].baselines) == {"neighbours_through_image"}
    assert set(metrics["sum_at_1"].controls) == {"a_alone", "b_alone", "another_b"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, colour in {"red": (200, 0, 0), "green": (0, 200, 0)}.items():
        write_image(tmp_path / f"{name}.png", np.full((40, 50, 3), colour, np.uint8))
    write_audio(tmp_path / "tone.wav", Audio(np.sin(np.arange(8000, dtype=np.float32))[None], 8000))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tone.wav", "--texts", "a red circle", "a green cross"], ["a red circle", "a green cross", "similarity"]),
        (["red.png"], ["circle", "rank"]),
        (["tone.wav", "--in", "."], ["red.png", "green.png", "rank"]),
        (["red.png", "--field", "audio=tone.wav", "--in", "."], ["red.png", "green.png", "rank"]),
        (["--query", "a red circle", "--in", "."], ["red.png", "green.png", "rank"]),
    ],
)
def test_a_run_adds_up_a_users_files(
    smoke: tuple[Path, Any], files: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: list[str]
) -> None:
    monkeypatch.chdir(files)
    done = CliRunner().invoke(command, ["imagebind", *arguments, "--runs", str(smoke[0])], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert all(word in done.output for word in told), done.output


def test_it_learns_from_a_manifest_in_which_audio_and_text_never_meet(catalog: Catalog, tmp_path: Path) -> None:
    rows = []
    for number in range(20):
        write_image(tmp_path / f"{number}.png", np.full((40, 50, 3), 10 * number, np.uint8))
        write_audio(tmp_path / f"{number}.wav", Audio(np.sin(np.arange(4000, dtype=np.float32) * number)[None], 8000))
        row = {"id": str(number), "split": "train" if number < 12 else "test", "image": f"{number}.png"}
        both = number >= 12  # only in the split that is judged
        if both or number % 2:
            row |= {"audio": f"{number}.wav", "depth": f"{number}.png", "thermal": f"{number}.png"}
        if both or not number % 2:
            row["caption"] = f"shade number {number}"
        rows.append(row)
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'pairs.jsonl'}"]
    overrides += [f"stages.{stage}.{key}" for stage in ("clip", "bind") for key in ("steps=1", "batch_size=8")]
    resolved = catalog.resolve("imagebind", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 8
    assert done.report.metrics[0].name == "recall_at_1"
