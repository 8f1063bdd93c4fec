"""Every task can be learned: its loss falls on a handful of videos, and what was learned finds them again."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.model.model import Model
from mmx_hero.evaluation.task import Moments
from mmx_hero.model.answers import Answer
from mmx_hero.objective.answering import Answering
from mmx_hero.objective.captioning import Captioning
from mmx_hero.objective.matching import Matching
from mmx_hero.objective.one_video import FrameOrder, MaskedFrames, MaskedWords
from tests.plugins.mmx_hero.conftest import VOCABULARY, Episodes, TinyRun, toy_model

TASKS: dict[str, tuple[Any, float]] = {
    "mlm": (MaskedWords(built={}, vocabulary=VOCABULARY), 0.5),
    "mnce": (MaskedFrames(kind="mnce", scale="unit", temperature=0.1), 0.75),
    "mffr": (MaskedFrames(kind="mffr"), 0.8),
    "fom": (FrameOrder(places=8, share=0.4), 0.85),
    "vsm": (Matching(queries="given", most=1, local_weight=0.1, local_drop=0, hard_from=10**6), 0.3),
    "captions": (Captioning(built={}, most=1, smoothing=0.0, vocabulary=VOCABULARY), 0.3),
    "answers": (Answering(candidates=2), 0.8),
    "answers-alone": (Answering(candidates=2), 0.3),
}


def learn(model: Model, objective: Any, steps: int) -> list[float]:
    """Train on all twelve videos at once."""
    videos = Episodes().split("train")
    batch = model.prepare(videos)
    for name in model.encoders:
        batch.cached[name] = model.encode(name, batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    model.train()
    for step in range(steps):
        view = getattr(objective, "view", None)
        shown = batch if view is None else view(batch, torch.Generator().manual_seed(step))
        loss = objective(model(shown, objective.needs), shown)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", TASKS)
def test_the_loss_of_every_task_falls(name: str) -> None:
    torch.manual_seed(0)
    objective, share = TASKS[name]
    model = toy_model()
    if name == "answers":
        model.heads["answer"] = Answer({"fused.answers": 16}, candidates=2)
    if name == "answers-alone":
        model.heads["answer"] = Answer({}, None, alone="fused.candidates", candidates=2)
    losses = learn(model, objective, 60)
    first, last = sum(losses[:5]) / 5, sum(losses[-10:]) / 10
    assert last < share * first, f"from {first:.3f} to {last:.3f}"


def test_what_was_learned_finds_videos_and_moments_and_needs_both_images_and_subtitles(run: TinyRun) -> None:
    torch.manual_seed(0)
    model = toy_model()
    learn(model, TASKS["vsm"][0], 120)
    task = Moments(events="events", shortest=1)
    metrics = {metric.name: metric for metric in task.evaluate(model.eval(), Episodes(), run).metrics}
    found = metrics["vr_r1"]
    assert found.chance is not None
    assert found.value >= 8 * found.chance
    assert found.controls["no_subtitles"] <= 0.6 * found.value
    assert found.references["no_video"] <= 0.6 * found.value
    assert metrics["svmr_r1_iou0.7"].value >= 0.9
    assert metrics["vcmr_r1_iou0.7"].value >= 0.6
