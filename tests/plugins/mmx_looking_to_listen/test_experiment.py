"""The experiment as it is shipped: every preset resolves, builds, and takes a step; `paper` has the full sizes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.model.build import build
from mmx.model.built import Built
from mmx.types import Batch, Features

SMALL = [
    "corpus.talkers.clips=12",
    "corpus.talkers.speakers=6",
    "corpus.mixtures=8",
    "stages.lips.corpus.talkers.clips=12",
]
SMALL += ["stages.lips.corpus.talkers.speakers=6"]
PRESETS = [
    "default",
    "smoke",
    "audio-only",
    "static-face",
    "shuffled-faces",
    "blank-faces",
    "early-fusion",
    "one-speaker",
]
PRESETS += ["two-speakers-noise", "three-speakers"]


@cache
def catalog() -> Catalog:
    return Catalog.open(Path(__file__).parents[3])


def built(preset: str, overrides: list[str]) -> Built:
    resolved = catalog().resolve("looking_to_listen", preset=preset, overrides=overrides)
    return build(resolved.experiment, catalog().plugins.registry)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_of_every_stage_goes_forwards_and_backwards(preset: str) -> None:
    parts = built(preset, SMALL)
    for stage in parts.stages:
        samples = stage.corpus.split("train")
        batch = parts.model.prepare([samples[0], samples[1]], parts.model.plan(stage.needs()).encoders)
        losses = stage.updates[0].objective(parts.model(batch, stage.needs()), batch)
        assert torch.isfinite(losses["loss"])


def test_controls_are_as_large_as_the_model() -> None:
    sizes = {
        preset: sum(parameter.numel() for parameter in built(preset, SMALL).model.parameters())
        for preset in ("default", "static-face", "shuffled-faces")
    }
    assert len(set(sizes.values())) == 1


@pytest.mark.parametrize("blind", ["audio-only", "blank-faces"])
def test_controls_without_a_visual_stream_are_as_large_as_what_separates(blind: str) -> None:
    def size(preset: str) -> int:
        model = built(preset, SMALL).model
        parts = (model.encoders["audio"], model.fuser, model.heads["masks"])
        return sum(parameter.numel() for part in parts for parameter in part.parameters())

    assert size(blind) == pytest.approx(size("default"), rel=0.01)


@pytest.mark.parametrize("preset", ["audio-only", "static-face", "shuffled-faces", "blank-faces", "early-fusion"])
def test_controls_have_the_same_data_and_training(preset: str) -> None:
    """Steps, batches, learning rates and mixtures: only what is seen and how outputs are ordered may differ."""
    base, control = (catalog().resolve("looking_to_listen", preset=name).experiment for name in ("default", preset))
    assert control.corpus == base.corpus
    ours, theirs = (each.stages[-1] for each in (base, control))
    assert theirs.model_copy(update={"updates": ours.updates}) == ours
    for turn, other in zip(ours.updates, theirs.updates, strict=True):
        assert other.model_copy(update={"objective": turn.objective}) == turn


@pytest.fixture(scope="module")
def paper() -> Built:
    return built("paper", ["corpus.talkers.clips=12", "corpus.talkers.speakers=6", "corpus.mixtures=8"])


def test_the_papers_scale_has_the_papers_sizes(paper: Built) -> None:
    def count(*modules: torch.nn.Module) -> int:
        return sum(parameter.numel() for module in modules for parameter in module.parameters())

    model = paper.model
    assert count(model.encoders["audio"]) == 2_835_480
    assert count(model.fuser.stream) == 3_478_016
    assert round(count(model.encoders["audio"], model.fuser, model.heads["masks"]) / 1e6, 1) == 17.6
    stage = paper.stages[1].spec
    assert (stage.steps, stage.batch_size) == (5_000_000, 6)


def test_the_papers_scale_runs_on_three_seconds(paper: Built) -> None:
    model = paper.model.eval()
    samples = paper.corpus.split("train")
    batch = model.prepare([samples[0]], ["audio", "faces", "voices"])
    assert batch.inputs["faces"].shape[1] == 2 * 75
    with torch.no_grad():
        batch.cached["faces"] = model.encode("faces", batch)
        predicted = model(batch, ["heads.masks", "encoded.voices"])
    assert predicted.heads["masks"]["masks"].shape == (1, 2, 298, 257, 2)
    assert predicted.encoded["voices"].tokens_BTD.shape == (1, 2 * 298, 514)


def test_swapping_the_faces_changes_the_masks() -> None:
    parts = built("smoke", SMALL)
    model = parts.model.eval()
    samples = parts.corpus.split("train")
    batch: Batch = model.prepare([samples[0]], ["audio", "faces"])
    with torch.no_grad():
        seen = model.encode("faces", batch)
        before = model(batch, ["heads.masks"]).heads["masks"]["masks"]
        swapped = seen.tokens_BTD.unflatten(1, (2, -1)).flip(1).flatten(1, 2)
        batch.cached["faces"] = Features(swapped.mean(1), swapped)
        after = model(batch, ["heads.masks"]).heads["masks"]["masks"]
    assert not torch.allclose(before, after)
