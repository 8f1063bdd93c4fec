"""The experiment as it is shipped: every preset resolves, builds, and takes a step; `paper` has the full sizes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.errors import AssetError
from mmx.model.build import Builder, build
from mmx.model.built import Built
from mmx.training.engine import Engine
from mmx.training.updates import Updates
from mmx.types import Audio

PEOPLE = ["corpus.people=6", "corpus.val_people=4", "corpus.test_people=4"]
SMALL = [*PEOPLE, "stages.faces.corpus.people=6", "stages.judge.corpus.people=6"]
PRESETS = ["default", "smoke", "shuffled", "supervised", "six-seconds", "no-bn", "l1-only", "l2-only"]
PRESETS += ["no-distillation", "image-loss", "fdec-relu", "power-1", "logmag", "mag-phase", "complex", "fc7-relu"]
PRESETS += ["identity-mean", "ast"]


@cache
def catalog() -> Catalog:
    return Catalog.open(Path(__file__).parents[3])


def built(preset: str, overrides: list[str]) -> Built:
    resolved = catalog().resolve("speech2face", preset=preset, overrides=overrides)
    return build(resolved.experiment, catalog().plugins.registry)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_of_every_stage_goes_forwards_and_backwards(preset: str) -> None:
    parts = built(preset, SMALL)
    engine = Engine(parts.experiment.settings.model_copy(update={"device": "cpu"}))
    for stage in parts.stages:
        updates = Updates(stage, parts.model, engine, Builder(catalog().plugins.registry, 0))
        samples = stage.corpus.split("train")
        batch = parts.model.prepare([samples[0], samples[1]], parts.model.plan(stage.needs()).encoders)
        updates.select(0)
        losses = updates.modules[0](batch)
        losses["loss"].backward()
        assert torch.isfinite(losses["loss"])
        assert all(parameter.grad is not None for parameter in updates.learning[0].values())
        frozen = [name for name, parameter in parts.model.named_parameters() if name not in updates.every]
        assert all(parts.model.get_parameter(name).grad is None for name in frozen), "the others do not learn"
        parts.model.zero_grad(set_to_none=True)


def test_the_control_is_as_large_as_the_model() -> None:
    sizes = {
        preset: sum(parameter.numel() for parameter in built(preset, SMALL).model.parameters())
        for preset in ("default", "shuffled")
    }
    assert len(set(sizes.values())) == 1


def test_the_paper_needs_weights_and_says_so() -> None:
    with pytest.raises(AssetError, match=r"encoders\.face.*vgg_face\.safetensors.*no such file"):
        built("paper", PEOPLE)


def test_the_papers_scale_has_the_papers_sizes() -> None:
    resolved = catalog().resolve("speech2face", preset="paper", overrides=PEOPLE).experiment
    registry, dims = catalog().plugins.registry, {"voice": 4096, "face": 4096}
    builder = Builder(registry, 0)
    corpus = builder.part(resolved.corpus, "corpus", "corpus")
    with torch.device("meta"):
        voice = builder.part(resolved.encoders["voice"], "encoder", "encoders.voice")
        assert sum(parameter.numel() for parameter in voice.parameters()) == 148_064_000
    assert voice.front.frames == 598
    raw = Audio(np.zeros((1, 16_000), np.float32), 16_000)
    assert voice.front.prepare(raw).shape == (96_000,)
    decoder = builder.part(resolved.heads["decoder"], "head", "heads.decoder", dims=dims, corpus=corpus)
    assert decoder.first.weight.shape == (1000, 4096)
    with torch.no_grad():
        assert decoder.eval().draw(torch.zeros(1, 4096))["image"].shape == (1, 3, 224, 224)
    (stage,) = (stage for stage in resolved.stages if stage.name == "voice")
    assert [stage.name for stage in resolved.stages] == ["judge", "decoder", "voice"]
    loss = stage.updates[0].objective.params
    assert (loss["lambda1"], loss["lambda2"], loss.get("balance")) == (0.025, 200, None)
    assert stage.updates[0].optimizer.params["betas"] == [0.5, 0.999]
    assert (stage.batch_size, stage.steps) == (8, 600_000)
