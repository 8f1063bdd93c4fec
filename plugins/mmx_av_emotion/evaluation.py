"""A linear support vector machine on the fused features, and what one segment alone tells. N clips, D width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmx import Corpus, Features, Model, Prediction, Report, Run, Sample, measure
from mmx_std import judging, ports


class Svm:
    """Judges a linear support vector machine that learns from the fused features of split train.

    Metrics: `svm`, its accuracy, beside the same on the untrained network's features; `one_segment`, that of the head
    when it is given one segment, drawn at random, instead of their average.

    Args:
        classes: The corpus's class names by target.
        target: The true class.
        head: Head that is given a segment; it reads "joint".
        unit: Target that names the speaker.
        cost: Penalty C of the machine.
        most: Most clips that it learns from, evenly spread.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str = "label",
        head: str = "label",
        unit: str | None = "speaker",
        cost: Annotated[float, Field(gt=0)] = 0.1,
        most: Annotated[int, Field(ge=1)] = 1500,
    ) -> None:
        self.names = ports.class_names(classes, target)
        self.target, self.head, self.unit = target, head, unit
        self.cost, self.most = cost, most
        self.needs = ("fused.joint", f"targets.{target}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or one to learn from."""
        return [*judging.lacks(corpus, split), *judging.lacks(corpus, "train")]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        train, test = judging.spread(corpus.split("train"), self.most), corpus.split(run.split)
        models = {"own": model, "untrained": run.untrained()}
        learned = self._features(models, train, run, "learning")
        judged = self._features(models, test, run, "judging")
        truth_N = judged["truth"]
        hits = {name: self._fitted(learned, name).predict(judged[name]) == truth_N for name in models}
        unit = judging.unit_of(corpus, self.unit)
        over: dict[str, Any] = {
            "units": judging.units_of(test, judged["ids"].tolist(), unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "chance": 1 / len(self.names),
            "seed": run.seed,
        }
        return Report(
            [
                measure("svm", hits["own"], untrained=hits["untrained"], **over),
                measure("one_segment", judged["segment"] == truth_N, **over),
            ],
            used=len(truth_N),
            expected=len(test),
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the fused features of a user's own clip."""
        found_D = ports.read(judging.one_input(model, ("fused.joint",), dict(raw)), "fused.joint")[0]
        return Prediction([{"features": len(found_D)}], arrays={"joint": found_D.cpu().numpy()})

    def _features(
        self, models: Mapping[str, Model], samples: Sequence[Sample], run: Run, label: str
    ) -> dict[str, NDArray[Any]]:
        """Return ids, true classes, each model's features (N, D), and the class of one segment, of what is known."""
        variants = {name: (model, judging.as_it_is) for name, model in models.items()}
        rng = np.random.default_rng(run.seed)
        found: dict[str, list[Any]] = {name: [] for name in ("ids", "truth", "segment", *models)}
        for batch, outputs in judging.outputs(variants, samples, self.needs, run, label):
            truth_B = batch.targets[self.target].cpu().numpy()
            known = np.flatnonzero(truth_B >= 0).tolist()
            found["ids"] += [batch.ids[place] for place in known]
            found["truth"] += truth_B[known].tolist()
            for name, each in outputs.items():
                found[name] += list(ports.read(each, "fused.joint")[known].double().cpu().numpy())
            joint = outputs["own"].fused["joint"]
            tokens_BSD = ports.tokens(outputs["own"], "fused.joint")
            counts_B = (
                joint.mask_BT.sum(1).tolist() if joint.mask_BT is not None else [tokens_BSD.shape[1]] * len(known)
            )
            drawn = [int(rng.integers(int(count))) for count in counts_B]
            alone = Features(tokens_BSD[range(len(drawn)), drawn])
            said_B = models["own"].heads[self.head]({"joint": alone}, batch).argmax(dim=-1).cpu().numpy()
            found["segment"] += said_B[known].tolist()
        return {name: np.array(each) for name, each in found.items()}

    def _fitted(self, learned: Mapping[str, NDArray[Any]], name: str) -> Any:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import LinearSVC

        machine = make_pipeline(StandardScaler(), LinearSVC(C=self.cost, max_iter=5000))
        return machine.fit(learned[name], learned["truth"])
