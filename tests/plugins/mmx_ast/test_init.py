"""AST: wiring only. Presets resolve at the published sizes, a run judges order in time, files are tagged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import ASTConfig, ASTForAudioClassification

import mmx_ast
from mmx.cli.predict import command
from mmx.config.catalog import Catalog
from mmx.media.audio_image import write_audio
from mmx.model.build import Builder
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.types import Audio

ROOT = Path(mmx_ast.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]
    assert mmx_ast.CARD.deviations and mmx_ast.CARD.caveats and "BSD-3-Clause" in mmx_ast.CARD.licence


def parameters(frames: int, classes: int) -> int:
    """AST's parameters written out: DeiT-base over patches of 16 x 16 at a stride of 10, one channel."""
    width, patches = 768, 12 * ((frames - 16) // 10 + 1)
    embedding = 16 * 16 * width + width + 2 * width + (patches + 2) * width
    block = (
        3 * width * (width + 1) + width * (width + 1) + 4 * width * (width + 1) + width * (4 * width + 1) + 4 * width
    )
    return embedding + 12 * block + 2 * width + 2 * width + classes * (width + 1)


@pytest.mark.parametrize(
    ("preset", "frames", "classes", "total"),
    [
        ("audioset", 1024, 527, 86_594_063),
        ("audioset-balanced", 1024, 527, 86_594_063),
        ("esc50", 512, 50, 85_757_234),
        ("speech-commands", 128, 35, 85_395_491),
    ],
)
def test_recipes_have_the_published_sizes_and_settings(
    catalog: Catalog, preset: str, frames: int, classes: int, total: int
) -> None:
    overrides = ["encoders.audio.weights=null"]
    experiment = catalog.resolve("ast", preset=preset, overrides=overrides).experiment
    builder, target = Builder(catalog.plugins.registry, 0), "labels" if "audioset" in preset else "label"
    with torch.device("meta"):
        encoder = builder.part(experiment.encoders["audio"], "encoder", "encoders.audio")
        fills = {"dims": {"audio": 768}, "classes": {target: [str(i) for i in range(classes)]}}
        head = builder.part(experiment.heads["label"], "head", "heads.label", **fills)
    count = sum(each.numel() for part in (encoder, head) for each in part.parameters())
    assert count == parameters(frames, classes) == total
    kaldi = encoder.frontend.frontend
    assert (encoder.frames if hasattr(encoder, "frames") else kaldi.frames) == kaldi.frames == frames
    told = {
        "audioset": (1e-5, 12, -4.2677, 4.5690, 48, 192),
        "audioset-balanced": (5e-5, 12, -4.2677, 4.5690, 48, 192),
        "esc50": (1e-5, 48, -6.6268, 5.3585, 24, 96),
        "speech-commands": (2.5e-4, 128, -6.8460, 5.5655, 48, 48),
    }[preset]
    stage = experiment.stages[0]
    rate = stage.updates[0].optimizer.params["lr"]
    masked = (encoder.frontend.bands, encoder.frontend.frames)
    assert (rate, stage.batch_size, kaldi.mean, kaldi.std, *masked) == told
    extras = {
        "audioset": ("labels", "average", 5, 0.5, True, 0.0, 0),
        "audioset-balanced": (None, "average", 20, 0.5, True, 0.0, 0),
        "esc50": (None, "last", 5, None, False, 0.0, 0),
        "speech-commands": (None, "last", 5, 0.6, True, 0.1, 10),
    }[preset]
    mixed = stage.updates[0].objective.params.get("rate")
    augment = encoder.frontend
    assert (stage.balanced, stage.keep, stage.averaged, mixed, kaldi.late, augment.noise, augment.roll) == extras


@pytest.fixture(scope="module")
def smoke(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The runs folder and the report of one smoke run."""
    folder = tmp_path_factory.mktemp("runs")
    resolved = catalog.resolve("ast", preset="smoke", settings={"device": "cpu"})
    (folder / "ast" / "1").mkdir(parents=True)
    done = execute(resolved, catalog.plugins, folder / "ast" / "1", Quiet(), tracking=False)
    assert done is not None
    return folder, done.report


def test_a_run_judges_sounds_and_their_order_beside_simple_methods(smoke: tuple[Path, Any]) -> None:
    metrics = {metric.name: metric for metric in smoke[1].metrics}
    assert metrics["accuracy"].chance == 1 / 24 and metrics["chirps_accuracy"].chance == 1 / 2
    for name in ("accuracy", "chirps_accuracy"):
        assert {"unordered_audio", "without_audio", "majority"} <= set(metrics[name].controls)
        assert any("cepstrum" in method for method in metrics[name].baselines)


def test_a_run_names_a_users_sound(smoke: tuple[Path, Any], tmp_path: Path) -> None:
    write_audio(tmp_path / "tone.wav", Audio(np.zeros((1, 22_050), np.float32), 22_050))
    arguments = ["ast", str(tmp_path / "tone.wav"), "--runs", str(smoke[0])]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False, obj=None)
    assert done.exit_code == 0 and "probability" in done.output and "circle" in done.output, done.output


def published(folder: Path, names: list[str]) -> None:
    """Random weights of small size in the layout of the hub's checkpoints."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = ASTConfig(**sizes, max_length=1024, num_mel_bins=128, id2label=dict(enumerate(names)))
    ASTForAudioClassification(config).save_pretrained(folder)


@pytest.mark.parametrize("names", [["Speech", "Dog", "Bell"], ["backward", "bed", "bird", "cat"]])
def test_public_weights_tag_a_users_file_without_training(catalog: Catalog, tmp_path: Path, names: list[str]) -> None:
    published(tmp_path / "weights", names)
    overrides = [f"encoders.audio.weights={tmp_path / 'weights'}", f"heads.tags.weights={tmp_path / 'weights'}"]
    overrides += ["encoders.audio.width=16", "encoders.audio.depth=1", "encoders.audio.heads=2"]
    overrides += ["task.tasks.sounds=null"]
    resolved = catalog.resolve("ast", preset="pretrained", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "runs" / "ast" / "1").mkdir(parents=True)
    done = execute(resolved, catalog.plugins, tmp_path / "runs" / "ast" / "1", Quiet(), tracking=False)
    assert done is not None
    write_audio(tmp_path / "dog.wav", Audio(np.ones((2, 8_000), np.float32) * 0.1, 8_000))
    arguments = ["ast", str(tmp_path / "dog.wav"), "--runs", str(tmp_path / "runs")]
    told = CliRunner().invoke(command, arguments, catch_exceptions=False, obj=None)
    assert told.exit_code == 0 and all(name in told.output for name in ("tag", *names)), told.output


@pytest.mark.parametrize(("preset", "column"), [("audioset", "labels"), ("speech-commands", "label")])
def test_the_recipes_of_full_scale_train(catalog: Catalog, tmp_path: Path, preset: str, column: str) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(10):
        write_audio(tmp_path / f"{number}.wav", Audio(rng.normal(0, 0.1, (1, 8_000)).astype(np.float32), 16_000))
        split = "train" if number < 6 else "val" if number < 8 else "test"
        rows.append({"id": str(number), "audio": f"{number}.wav", column: "ab"[number % 2], "split": split})
    (tmp_path / "sounds.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'sounds.jsonl'}", "stages.train.steps=2", "stages.train.batch_size=4"]
    overrides += [
        "encoders.audio.width=16",
        "encoders.audio.depth=1",
        "encoders.audio.heads=2",
        "settings.validate_every=1",
    ]
    resolved = catalog.resolve("ast", preset=preset, overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 2


def test_it_learns_from_a_manifest_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    rows = []
    for number in range(12):
        wave = np.sin(np.arange(8_000) * (0.1 if number % 2 else 0.4), dtype=np.float32)
        write_audio(tmp_path / f"{number}.wav", Audio(wave[None], 8_000))
        split = "train" if number < 8 else "test"
        rows.append({"id": str(number), "audio": f"{number}.wav", "label": ["high", "low"][number % 2], "split": split})
    (tmp_path / "sounds.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    overrides = [f"corpus.path={tmp_path / 'sounds.jsonl'}", "stages.train.steps=1", "stages.train.batch_size=4"]
    overrides += ["encoders.audio.width=16", "encoders.audio.depth=1"]
    resolved = catalog.resolve("ast", preset="own", overrides=overrides, settings={"device": "cpu"})
    (tmp_path / "run").mkdir()
    done = execute(resolved, catalog.plugins, tmp_path / "run", Quiet(), tracking=False)
    assert done is not None and done.report.used == 4
    assert done.report.metrics[0].name == "accuracy" and done.report.metrics[0].chance == 0.5
