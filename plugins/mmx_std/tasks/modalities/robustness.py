"""Robustness task: accuracy as inputs are removed, mixed up or drowned in noise, and calibration.

Shapes: N items, C classes, L noise levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Corpus, Figure, Metric, Model, Prediction, Report, Run, measure, noised, shuffled, without
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import judging, metrics, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Level = Annotated[float, Field(gt=0)]


class Robustness:
    """Judges how a classifier does with one input at a time removed, given to other items, or drowned in noise.

    Metrics: `robustness`, the mean over fields and noise levels of the accuracy; by field `accuracy_without_FIELD`,
    `accuracy_shuffled_FIELD` and `accuracy_noised_FIELD` (mean over levels); and `calibration_error`, the expected
    difference between confidence and accuracy over 15 bins (Guo et al., 2017, equation 3). Figures: accuracy over the
    level of noise, and the reliability diagram.

    Args:
        classes: The corpus's class names by target.
        head: Head that gives the logits, or any port.
        target: The true class.
        levels: Deviations of the noise, in deviations of the input over a batch.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        levels: Annotated[Sequence[Level], Field(min_length=1)] = (0.5, 1.0, 2.0, 4.0),
    ) -> None:
        self.port = qualify(head, "heads")
        self.target = target
        self.names = class_names(classes, target)
        self.needs = (self.port, f"targets.{target}")
        self.levels = tuple(levels)

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split."""
        return judging.lacks(corpus, split)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = corpus.split(run.split)
        fields = judging.used_fields(model, self.needs)
        variants: dict[str, Any] = {"own": (model, judging.as_it_is), "untrained": (run.untrained(), judging.as_it_is)}
        for place, (field, encoders) in enumerate(fields.items()):
            drawn = torch.Generator().manual_seed(run.seed + place)
            variants[f"without {field}"] = (model, partial(without, encoders=encoders))
            variants[f"shuffled {field}"] = (model, partial(shuffled, encoders=encoders, generator=drawn))
            for level in self.levels:
                change = partial(noised, encoders=encoders, generator=drawn, level=level)
                variants[f"noised {field} {level:g}"] = (model, change)
        truths: list[NDArray[np.int64]] = []
        found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in variants}
        for batch, outputs in judging.outputs(variants, samples, self.needs, run, "robustness"):
            truths.append(batch.targets[self.target].cpu().numpy())
            for name, each in outputs.items():
                found[name].append(read(each, self.port).double().softmax(dim=-1).cpu().numpy())
        truth_N = np.concatenate(truths)
        known_N = truth_N >= 0
        if not known_N.any():
            return Report([], 0, len(samples), notes=[f"No item of {run.split} has a known {self.target}."])
        p_NC = {name: np.concatenate(each)[known_N] for name, each in found.items()}
        return self._report(p_NC, truth_N[known_N], list(fields), len(samples), run.seed)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the probability of each class for a user's own input, whole and with each input removed."""
        logits_C = read(judging.one_input(model, (self.port,), dict(raw)), self.port)[0]
        rows = zip(self.names, logits_C.float().softmax(dim=-1).tolist(), strict=True)
        return Prediction([{"class": name, "probability": value} for name, value in sorted(rows, key=lambda r: -r[1])])

    def _report(
        self,
        p_NC: Mapping[str, NDArray[np.float64]],
        truth_N: NDArray[np.int64],
        fields: Sequence[str],
        expected: int,
        seed: int,
    ) -> Report:
        right = {name: each.argmax(axis=1) == truth_N for name, each in p_NC.items()}
        over: dict[str, Any] = {"units": np.arange(len(truth_N)), "unit": "items", "seed": seed}
        noisy = {field: np.stack([right[f"noised {field} {level:g}"] for level in self.levels], 1) for field in fields}
        chance = 1 / len(self.names)
        rows = [
            measure(
                "robustness",
                np.mean([each.mean(axis=1) for each in noisy.values()], axis=0),
                chance=chance,
                untrained=right["untrained"],
                references={"without noise": right["own"]},
                **over,
            )
        ]
        for field in fields:
            rows.append(measure(f"accuracy_without_{field}", right[f"without {field}"], chance=chance, **over))
            rows.append(measure(f"accuracy_shuffled_{field}", right[f"shuffled {field}"], chance=chance, **over))
            rows.append(measure(f"accuracy_noised_{field}", noisy[field].mean(axis=1), chance=chance, **over))
        rows.append(
            Metric(
                "calibration_error",
                metrics.calibration_error(p_NC["own"], truth_N),
                better="lower",
                untrained=metrics.calibration_error(p_NC["untrained"], truth_N),
            )
        )
        curves = {field: [float(right["own"].mean()), *noisy[field].mean(axis=0)] for field in fields}
        gone = {field: float(right[f"without {field}"].mean()) for field in fields}
        figures = [
            Figure("robustness", self._curve(curves, gone, chance), "Accuracy over the noise on one input at a time."),
            Figure(
                "reliability",
                self._reliability(p_NC["own"], truth_N),
                "How often predictions of a confidence are right.",
            ),
        ]
        return Report(rows, used=len(truth_N), expected=expected, figures=figures)

    def _curve(self, curves: Mapping[str, Sequence[float]], gone: Mapping[str, float], chance: float) -> Drawing:
        drawing = plots.canvas(6.5, 3.6)
        axes = drawing.add_subplot()
        for place, (field, values) in enumerate(curves.items()):
            axes.plot([0, *self.levels], values, marker="o", color=f"C{place}", label=f"noise on {field}")
            axes.axhline(gone[field], color=f"C{place}", linestyle=":", label=f"without {field}")
        axes.axhline(chance, color="grey", linestyle="--", label="chance")
        axes.set_xlabel("deviation of the noise, in deviations of the input")
        axes.set_ylabel("accuracy")
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, fontsize=8)
        return drawing

    def _reliability(self, p_NC: NDArray[np.float64], truth_N: NDArray[np.int64]) -> Drawing:
        confidence_K, accuracy_K, count_K = metrics.reliability(p_NC, truth_N)
        drawing = plots.canvas(4.5, 3.8)
        axes = drawing.add_subplot()
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="calibrated")
        axes.scatter(confidence_K, accuracy_K, s=10 + 150 * count_K / count_K.max(), label="items, by confidence")
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        axes.legend(frameon=False, fontsize=8)
        return drawing
