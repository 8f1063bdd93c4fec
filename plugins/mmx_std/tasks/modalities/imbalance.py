"""Imbalance task: how far one modality ran ahead while a model trained, and what each encoder is worth in the end.

Shapes: N items, D width, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Corpus, Figure, Metric, Model, Prediction, Report, Run, measure
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import judging, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Points = Sequence[tuple[int, float]]
_RATIO = "/ratio"


class Imbalance:
    """Reports the imbalance of modalities.

    Metrics: `peak_ratio`, the largest ratio between one modality's score alone and the mean of the others' at any look
    of the monitor while training (mean probabilities of the true class, others' slices of the last layer removed);
    `final_ratio`, the larger one at its last look; and by encoder `probe_ENCODER`, the accuracy of a logistic
    regression on its frozen features (beside the same on the untrained network). The first two need the run's own
    curves: they are missing where a run is judged again.

    Args:
        classes: The corpus's class names by target.
        head: Head that gives the logits, or any port: its encoders are probed.
        target: The true class.
        limit: Items of split train that a probe learns from.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        limit: Annotated[int, Field(ge=10)] = 2000,
    ) -> None:
        self.port = qualify(head, "heads")
        self.target = target
        self.names = class_names(classes, target)
        self.needs = (self.port, f"targets.{target}")
        self.limit = limit

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or one to learn probes from."""
        return [*judging.lacks(corpus, split), *judging.lacks(corpus, "train")]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        curves: Callable[[], Mapping[str, Points]] | None = getattr(run, "curves", None)
        ratios = {key: points for key, points in (curves() if curves else {}).items() if key.endswith(_RATIO)}
        samples = corpus.split(run.split)
        train = judging.spread(corpus.split("train"), self.limit)
        encoders = list(model.plan(self.needs).encoders)
        own_N, truth_N = self._probes(model, train, samples, encoders, run)
        untrained_N, _ = self._probes(run.untrained(), train, samples, encoders, run)
        rows = list(_ratio_metrics(ratios))
        rows += [
            measure(
                f"probe_{name}",
                own_N[name] == truth_N,
                units=np.arange(len(truth_N)),
                unit="items",
                chance=1 / len(self.names),
                untrained=untrained_N[name] == truth_N,
                seed=run.seed,
            )
            for name in encoders
        ]
        figures = [Figure("ratio", _drawn(ratios), "How far each modality is ahead.")] if ratios else []
        notes = (
            [] if ratios else ["The ratio of modalities is known only to the run that trained, with its monitor on."]
        )
        return Report(rows, used=len(truth_N), expected=len(samples), figures=figures, notes=notes)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the probability of each class for a user's own input."""
        logits_C = read(judging.one_input(model, (self.port,), dict(raw)), self.port)[0]
        rows = zip(self.names, logits_C.float().softmax(dim=-1).tolist(), strict=True)
        return Prediction([{"class": name, "probability": value} for name, value in rows])

    def _probes(
        self, model: Model, train: Sequence[Any], test: Sequence[Any], encoders: Sequence[str], run: Run
    ) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
        """Return each encoder's guesses for `test` (N,), of a regression on its features of `train`, and the truth."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        learned, labels_N = self._features(model, train, encoders, run)
        judged, truth_N = self._features(model, test, encoders, run)
        guesses = {}
        for name in encoders:
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
            probe.fit(learned[name][labels_N >= 0], labels_N[labels_N >= 0])
            guesses[name] = probe.predict(judged[name][truth_N >= 0])
        return guesses, truth_N[truth_N >= 0]

    def _features(
        self, model: Model, samples: Sequence[Any], encoders: Sequence[str], run: Run
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
        found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in encoders}
        truths = []
        model.eval()
        with torch.inference_mode():
            for batch in run.batches(model, samples, list(encoders), judging.BATCH):
                truths.append(batch.targets[self.target].cpu().numpy())
                for name in encoders:
                    found[name].append(model.encode(name, batch).pooled_BD.double().cpu().numpy())
        return {name: np.concatenate(parts) for name, parts in found.items()}, np.concatenate(truths)


def _ratio_metrics(ratios: Mapping[str, Points]) -> list[Metric]:
    values = [[value for _, value in points] for points in ratios.values() if points]
    if not values:
        return []
    return [
        Metric("peak_ratio", max(max(each) for each in values), better="lower"),
        Metric("final_ratio", max(each[-1] for each in values), better="lower"),
    ]


def _drawn(ratios: Mapping[str, Points]) -> Drawing:
    drawing = plots.canvas(6.0, 3.2)
    axes = drawing.add_subplot()
    for key, points in ratios.items():
        axes.plot([step for step, _ in points], [value for _, value in points], label=key.split("/")[-2])
    axes.axhline(1, color="grey", linestyle="--")
    axes.set_xlabel("step")
    axes.set_ylabel("score alone over the others'")
    axes.legend(frameon=False)
    return drawing
