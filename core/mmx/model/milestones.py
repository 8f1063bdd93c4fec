"""Weights of a model before training and at the end of stages, for stages that begin there and corpora made from them.

A stage's `starts_from` names one; the corpus of a stage that takes `trained` asks for others. Only what is asked for is
kept: in memory, and in the run folder for a run that is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmx.config.experiment import Stage
from mmx.errors import DataError, UserError, did_you_mean
from mmx.model.model import Model
from mmx.support import run_files
from mmx.support.files import replacing

UNTRAINED: Final = "untrained"
"""The weights before the first stage."""


class Milestones:
    """What is kept of one model.

    Args:
        model: As it was built, before training.
        stages: Of the experiment, in order.

    Raises:
        UserError: A stage starts from one that does not come before it.
    """

    def __init__(self, model: Model, stages: Sequence[Stage]) -> None:
        self.model = model
        self.order = [stage.name for stage in stages]
        self._wanted: set[str] = set()
        self._kept: dict[str, dict[str, Tensor]] = {}
        for stage in stages:
            if stage.starts_from is not None:
                self._want(stage.starts_from, stage.name, f"stages.{stage.name}.starts_from")
        if UNTRAINED in self._wanted:
            self._kept[UNTRAINED] = _copied(model)

    def trained(self, stage: str, name: str) -> Callable[[], Model]:
        """Return what gives a copy of the model as it was at the end of stage `name`, in evaluation mode.

        Args:
            stage: Who asks; only stages before it are to be had.
            name: The stage before it.

        Raises:
            UserError: There is no such stage before it.
        """
        self._want(name, stage, f"stages.{stage}.corpus")
        return partial(self._copy, name)

    def reached(self, stage: Stage, folder: Path, *, write: bool) -> None:
        """Keep the weights at the end of a stage, if somebody asked for them; `write` them for a run that resumes."""
        if stage.name not in self._wanted:
            return
        self._kept[stage.name] = _copied(self.model)
        if write:
            path = folder / run_files.MILESTONES / f"{stage.name}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, suffix="") as temporary:
                save_file(self._kept[stage.name], str(temporary))

    def begin(self, stage: Stage, step: int, folder: Path) -> None:
        """Read what an earlier process of this run kept, and give the model the weights that a stage starts from.

        Raises:
            DataError: The weights of an earlier stage that somebody asked for are gone.
        """
        for name in sorted(self._wanted - self._kept.keys()):
            path = folder / run_files.MILESTONES / f"{name}.safetensors"
            if path.is_file():
                self._kept[name] = load_file(str(path))
        before = self.order[: self.order.index(stage.name)] if stage.name in self.order else []
        if gone := [name for name in before if name in self._wanted - self._kept.keys()]:
            raise DataError(f"{folder / run_files.MILESTONES / gone[0]}.safetensors is gone; run the experiment anew")
        if stage.starts_from is not None and step == 0:
            self._load(self.model, stage.starts_from)
        if not stage.steps:
            self.reached(stage, folder, write=False)

    def _copy(self, name: str) -> Model:
        copy = deepcopy(self.model)
        self._load(copy, name)
        copy.requires_grad_(False)
        copy.eval()
        return copy

    def _load(self, model: Model, name: str) -> None:
        if name not in self._kept:
            raise DataError(f"the weights at the end of stage {name!r} are not there yet: it has not been trained")
        with torch.no_grad():
            model.load_state_dict(self._kept[name])

    def _want(self, name: str, stage: str, path: str) -> None:
        before = self.order[: self.order.index(stage)]
        if name not in (*before, UNTRAINED) or (name == UNTRAINED and not path.endswith("starts_from")):
            told = f"; there are: {', '.join(before)}" if before else "; it is the first"
            raise UserError(f"{path}: no stage {name!r} before it{did_you_mean(name, before) or told}")
        self._wanted.add(name)


def _copied(model: Model) -> dict[str, Tensor]:
    """Return the weights, each with memory of its own."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
