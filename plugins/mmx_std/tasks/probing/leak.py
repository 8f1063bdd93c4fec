"""Subject leaks: do splits share subjects, can the fused features tell them, and how much does knowing them help.

N items, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmx import Corpus, DataError, Metric, Model, Prediction, Report, Run, Sample, measure
from mmx_std.ops import ports
from mmx_std.tasks import judging


class Leak:
    """Looks for leaks of subjects into the judgement.

    Metrics: `shared_subjects`, how many subjects (speakers, drivers) the judged split shares with split train;
    `subject_told`, how often a linear probe on the fused features names the subject of an item, learned from every
    second item of the judged subjects (lower is better; references: chance, the untrained network, the most frequent
    subject); and, where the corpus has new items of the subjects of train (split `familiar`), `familiar`, the accuracy
    on those: its distance to `unseen`, that on the judged subjects, is what a random division of items would hide.

    Args:
        classes: The corpus's class names by target.
        target: The true class.
        group: Target that names the subject.
        head: Head that gives the class.
        familiar: Split with new items of the subjects of train; null judges none.
        least: Items below which a subject is left out of the probe.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str = "label",
        group: str = "group",
        head: str = "label",
        familiar: str | None = "familiar",
        least: Annotated[int, Field(ge=2)] = 4,
    ) -> None:
        self.names = ports.class_names(classes, target)
        self.target, self.group, self.least = target, group, least
        self.port, self.familiar = ports.qualify(head, "heads"), familiar
        self.needs = ("fused.joint", self.port, f"targets.{target}", f"targets.{group}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or one to learn from."""
        return [*judging.lacks(corpus, split), *judging.lacks(corpus, "train")]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        test = corpus.split(run.split)
        trained = {str(sample.targets[self.group]) for sample in corpus.split("train")}
        shared = sorted(trained & {str(sample.targets[self.group]) for sample in test})
        found = self._found({"own": model, "untrained": run.untrained()}, test, run)
        metrics = [Metric("shared_subjects", float(len(shared)), better="lower")]
        notes = [f"Leak: {', '.join(shared)} are in split train and in split {run.split}."] if shared else []
        told = self._told(found, run.seed)
        metrics += [] if told is None else [told]
        known = self._familiar(model, corpus, run)
        if known is not None:
            over: dict[str, Any] = {"units": known["subject"], "unit": "subjects", "chance": 1 / len(self.names)}
            over |= {"references": {"unseen": found["right"]}, "seed": run.seed}
            metrics.append(measure("familiar", known["right"], **over))
        return Report(metrics, used=len(found["right"]), expected=len(test), notes=notes)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the fused features of a user's own item."""
        found_D = ports.read(judging.one_input(model, ("fused.joint",), dict(raw)), "fused.joint")[0]
        return Prediction([{"features": len(found_D)}], arrays={"joint": found_D.cpu().numpy()})

    def _familiar(self, model: Model, corpus: Corpus, run: Run) -> dict[str, NDArray[Any]] | None:
        """Return the model's answers to new items of the subjects of train; None where there are none."""
        with suppress(DataError):  # a corpus without such a split
            return None if self.familiar is None else self._found({"own": model}, corpus.split(self.familiar), run)
        return None

    def _found(self, models: Mapping[str, Model], samples: Sequence[Sample], run: Run) -> dict[str, NDArray[Any]]:
        """Return each item's subject, whether its class is named right, and each model's features (N, D)."""
        variants = {name: (model, judging.as_it_is) for name, model in models.items()}
        found: dict[str, list[Any]] = {name: [] for name in ("subject", "right", *models)}
        for batch, outputs in judging.outputs(variants, samples, self.needs, run, "leaks"):
            found["subject"] += [str(each) for each in batch.targets[self.group]]
            said_B = ports.read(outputs["own"], self.port).argmax(dim=-1).cpu()
            found["right"] += (said_B == batch.targets[self.target].cpu()).tolist()
            for name, each in outputs.items():
                found[name] += list(ports.read(each, "fused.joint").double().cpu().numpy())
        return {name: np.array(rows) for name, rows in found.items()}

    def _told(self, found: Mapping[str, NDArray[Any]], seed: int) -> Metric | None:
        """Return how often subjects are told by their features; None with fewer than two of them."""
        subjects, place_N, count_K = np.unique(found["subject"], return_inverse=True, return_counts=True)
        kept_N = count_K[place_N] >= self.least
        names_N = place_N[kept_N]
        if len(np.unique(names_N)) < 2:
            return None
        # Every second item of each subject is learned from.
        turn_N = np.zeros(len(names_N), int)
        for name in np.unique(names_N):
            turn_N[names_N == name] = np.arange((names_N == name).sum()) % 2
        hits = {name: _hits(found[name][kept_N], names_N, turn_N) for name in ("own", "untrained")}
        judged_N = names_N[turn_N == 1]
        return measure(
            "subject_told",
            hits["own"],
            units=subjects[judged_N],
            unit="subjects",
            better="lower",
            references={
                "chance": 1 / len(np.unique(names_N)),
                "untrained": hits["untrained"],
                "majority": judged_N == np.bincount(names_N[turn_N == 0]).argmax(),
            },
            seed=seed,
        )


def _hits(features_ND: NDArray[Any], names_N: NDArray[Any], turn_N: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of the other items a linear probe assigns to their subject."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(features_ND[turn_N == 0], names_N[turn_N == 0])
    hits_N: NDArray[np.bool_] = probe.predict(features_ND[turn_N == 1]) == names_N[turn_N == 1]
    return hits_N
