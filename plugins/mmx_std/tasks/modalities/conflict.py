"""Conflict task: two fields of different classes in one input, in the manner of McGurk and MacDonald (1976).

Shapes: N pairs, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import (
    Batch,
    ConfigError,
    Corpus,
    Figure,
    Metric,
    Model,
    Prediction,
    Report,
    Run,
    Sample,
    did_you_mean,
    measure,
)
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import judging, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Floats = NDArray[np.float64]
_BINS: Final = 5
"""Points of the curve over noise."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Items with the first field of one sample and the second of another.

    Attributes:
        id_N: The first field's samples.
        first_N: Class of the first field's sample.
        second_N: Class of the second field's sample.
        p_NC: The model's probabilities.
        exact_NC: The exact ones, where the corpus knows them.
        noise_N: The first sample's noise, where there is a target of it.
    """

    id_N: NDArray[np.str_]
    first_N: NDArray[np.int64]
    second_N: NDArray[np.int64]
    p_NC: Floats
    exact_NC: Floats | None
    noise_N: Floats | None

    def chosen(self, rows_N: NDArray[np.bool_]) -> Pairs:
        """Return some of the pairs."""
        others = (None if each is None else each[rows_N] for each in (self.exact_NC, self.noise_N))
        return Pairs(self.id_N[rows_N], self.first_N[rows_N], self.second_N[rows_N], self.p_NC[rows_N], *others)

    def shares(self, p_NC: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the probability of the first field's class, of the second's, and of any other (N,)."""
        rows = np.arange(len(p_NC))
        first_N, second_N = p_NC[rows, self.first_N], p_NC[rows, self.second_N]
        return first_N, second_N, np.maximum(1 - first_N - second_N, 0)


class Conflict:
    """Shows a classifier the first field of one item and the second of an item of another class.

    Metrics: with a corpus that knows the exact posterior (`posterior(parts)`), `posterior_correlation`, that of the
    model's probabilities with the exact ones over all conflicts and classes; then `follows_FIRST`, `follows_SECOND` and
    `third_answer`, the mean probabilities of either field's class and of any other; `dominance`, the difference of the
    first two over their sum (1: the first field alone decides, -1: the second); `doubt`, by how much the entropy in
    nats is higher than that of pairs of one class. Those pairs are re-paired too: same class, different items, which
    are as far from the training data as conflicts are but for the conflict.

    Args:
        classes: The corpus's class names by target.
        first: Field, or where several encoders read it, all of them.
        second: The other field.
        head: Head that gives the logits, or any port.
        target: The true class.
        noise: Target that holds how noisy the first field is: a curve over it is drawn.
        ordered: The classes are in order; `between` is then the mean probability of the classes between the two of a
            conflict, over conflicts that have some: the answer that neither field gives (McGurk's da).
        pairs: Conflicts that are judged, and pairs of one class beside them.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        first: str,
        second: str,
        head: str = "label",
        target: str = "label",
        noise: str | None = None,
        ordered: bool = False,
        pairs: Annotated[int, Field(ge=10)] = 300,
    ) -> None:
        self.port = qualify(head, "heads")
        self.first, self.second, self.target, self.noise, self.pairs = first, second, target, noise, pairs
        self.ordered = ordered
        self.names = class_names(classes, target)
        self.needs = (self.port, f"targets.{target}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or one of the fields."""
        lacking = [
            f"conflict: the corpus has no field {name!r}{did_you_mean(name, corpus.fields)}"
            for name in (self.first, self.second)
            if name not in corpus.fields
        ]
        return [*judging.lacks(corpus, split), *lacking]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge pairs of the split `run.split`.

        Raises:
            ConfigError: The corpus lacks one of the fields.
        """
        if faults := self.check(model, corpus, run.split):
            raise ConfigError(faults)
        samples = corpus.split(run.split)
        labels_N = np.array([int(samples[i].targets.get(self.target, -1)) for i in range(len(samples))])
        drawn = _draw(labels_N, self.pairs, run.seed)
        found = self._answers(model, corpus, samples, drawn, run)
        untrained = self._answers(run.untrained(), corpus, samples, drawn, run)
        conflict_N = found.first_N != found.second_N
        pairs, plain = found.chosen(conflict_N), untrained.chosen(conflict_N)
        if not len(pairs.first_N):
            return Report([], 0, len(samples), notes=[f"Split {run.split} has no two classes to pair."])
        agreeing = found.chosen(~conflict_N)
        over: dict[str, Any] = {"units": pairs.id_N, "unit": "items", "seed": run.seed}
        return Report(
            [*self._against_exact(pairs, plain), *self._shares(pairs, agreeing, over)],
            used=len(pairs.first_N),
            expected=len(pairs.first_N),
            figures=list(self._figures(pairs)),
            notes=[
                f"{len(pairs.first_N)} conflicts and {len(agreeing.first_N)} pairs of one class, of different items.",
                f"Accuracy on pairs of one class: {float((agreeing.p_NC.argmax(1) == agreeing.first_N).mean()):.3f}.",
            ],
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the probability of each class for a user's own input."""
        logits_C = read(judging.one_input(model, (self.port,), dict(raw)), self.port)[0]
        rows = zip(self.names, logits_C.float().softmax(dim=-1).tolist(), strict=True)
        return Prediction([{"class": name, "probability": value} for name, value in rows])

    def _answers(
        self, model: Model, corpus: Corpus, samples: Sequence[Sample], drawn_N2: NDArray[np.int64], run: Run
    ) -> Pairs:
        """Return the model's answers to pairs."""
        exact: Callable[[Mapping[str, Sample]], Any] | None = getattr(corpus, "posterior", None)
        encoders = model.plan(self.needs).encoders
        theirs = [name for name in encoders if model.fields[name] == self.second]
        rest = [name for name in encoders if name not in theirs]
        firsts = judging.Chosen(samples, drawn_N2[:, 0].tolist())
        seconds = judging.Chosen(samples, drawn_N2[:, 1].tolist())
        ids: list[str] = []
        p: list[Floats] = []
        rows: list[tuple[int, int, float]] = []
        known: list[Floats] = []
        model.eval()
        own_batches = run.batches(model, firsts, rest, judging.BATCH)
        for own, other in zip(own_batches, run.batches(model, seconds, theirs, judging.BATCH), strict=True):
            with torch.inference_mode():
                found = read(model(_mixed(own, other), self.needs), self.port)
            p.append(found.double().softmax(dim=-1).cpu().numpy())
            ids += own.ids
            for a, b in zip(own.samples, other.samples, strict=True):
                noise = 0.0 if self.noise is None else float(a.targets[self.noise])
                rows.append((int(a.targets[self.target]), int(b.targets[self.target]), noise))
                known += [] if exact is None else [np.asarray(exact({self.first: a, self.second: b}))]
        first_N, second_N, noise_N = np.array(rows).reshape(-1, 3).T
        return Pairs(
            np.array(ids),
            first_N.astype(np.int64),
            second_N.astype(np.int64),
            np.concatenate(p),
            np.stack(known) if known else None,
            None if self.noise is None else noise_N,
        )

    def _against_exact(self, pairs: Pairs, untrained: Pairs) -> list[Metric]:
        if pairs.exact_NC is None:
            return []
        rows_N = np.repeat(np.arange(len(pairs.p_NC)), pairs.p_NC.shape[1])
        exact = pairs.exact_NC.ravel()
        return [
            measure(
                "posterior_correlation",
                np.stack([pairs.p_NC.ravel(), exact], axis=1),
                statistic=_correlation,
                units=rows_N,
                unit="pairs",
                chance=0.0,
                untrained=np.stack([untrained.p_NC.ravel(), exact], axis=1),
            )
        ]

    def _shares(self, pairs: Pairs, agreeing: Pairs, over: Mapping[str, Any]) -> list[Metric]:
        names = (f"follows_{self.first}", f"follows_{self.second}", "third_answer")
        own = pairs.shares(pairs.p_NC)
        exact = None if pairs.exact_NC is None else pairs.shares(pairs.exact_NC)
        rows = [
            measure(name, own[k], references={} if exact is None else {"posterior": exact[k]}, **over)
            for k, name in enumerate(names)
        ]
        if self.ordered:
            rows += _between(pairs, over)
        references = {} if exact is None else {"posterior": _dominance(*exact[:2])}
        rows.append(Metric("dominance", _dominance(*own[:2]), references=references))
        doubt = float(_entropy(pairs.p_NC).mean() - _entropy(agreeing.p_NC).mean())
        known = pairs.exact_NC is not None and agreeing.exact_NC is not None
        theirs = _entropy(pairs.exact_NC).mean() - _entropy(agreeing.exact_NC).mean() if known else 0.0
        rows.append(Metric("doubt", doubt, references={"posterior": float(theirs)} if known else {}))
        return rows

    def _figures(self, pairs: Pairs) -> list[Figure]:
        told = "" if pairs.exact_NC is None else " Outlines: the exact posterior."
        asked = f"What is answered to each {self.first} with each {self.second}.{told}"
        found = [Figure("conflicts", self._grid(pairs), asked)]
        if pairs.noise_N is not None:
            found.append(Figure("noise", self._curve(pairs), f"Who is followed as {self.first} gets noisier."))
        return found

    def _grid(self, pairs: Pairs) -> Drawing:
        """Draw the answers for each pair of classes as bars, the exact ones as outlines."""
        kinds = sorted({(int(a), int(b)) for a, b in zip(pairs.first_N, pairs.second_N, strict=True)})[:12]
        drawing = plots.canvas(2.2 * min(3, len(kinds)) + 0.8, 1.9 * ((len(kinds) + 2) // 3) + 0.4)
        for place, (a, b) in enumerate(kinds):
            rows = (pairs.first_N == a) & (pairs.second_N == b)
            axes = drawing.add_subplot((len(kinds) + 2) // 3, min(3, len(kinds)), place + 1)
            axes.bar(self.names, pairs.p_NC[rows].mean(axis=0), color="C0")
            if pairs.exact_NC is not None:
                axes.bar(self.names, pairs.exact_NC[rows].mean(axis=0), fill=False, edgecolor="black", linewidth=1.4)
            axes.set_title(f"{self.first} {self.names[a]} + {self.second} {self.names[b]}", fontsize=8)
            axes.set_ylim(0, 1)
        return drawing

    def _curve(self, pairs: Pairs) -> Drawing:
        assert pairs.noise_N is not None  # noqa: S101 (asked for only then)
        edges = np.quantile(pairs.noise_N, np.linspace(0, 1, _BINS + 1))
        place_N = np.clip(np.searchsorted(edges, pairs.noise_N, side="right") - 1, 0, _BINS - 1)
        drawing = plots.canvas(5.5, 3.2)
        axes = drawing.add_subplot()
        middles = [float(pairs.noise_N[place_N == k].mean()) for k in range(_BINS)]
        labels = (f"follows {self.first}", f"follows {self.second}", "another answer")
        for k, (own_N, label) in enumerate(zip(pairs.shares(pairs.p_NC), labels, strict=True)):
            axes.plot(
                middles, [own_N[place_N == b].mean() for b in range(_BINS)], marker="o", color=f"C{k}", label=label
            )
            if pairs.exact_NC is not None:
                exact_N = pairs.shares(pairs.exact_NC)[k]
                axes.plot(middles, [exact_N[place_N == b].mean() for b in range(_BINS)], linestyle=":", color=f"C{k}")
        axes.set_xlabel(f"{self.noise}; dotted: the exact posterior" if pairs.exact_NC is not None else str(self.noise))
        axes.set_ylabel("mean probability")
        axes.set_ylim(0, 1)
        axes.legend(frameon=False, fontsize=8)
        return drawing


def _between(pairs: Pairs, over: Mapping[str, Any]) -> list[Metric]:
    """Return the probability of the classes between those of a conflict; nothing where no conflict has any."""
    low_N, high_N = np.minimum(pairs.first_N, pairs.second_N), np.maximum(pairs.first_N, pairs.second_N)
    far_N = high_N - low_N > 1
    if not far_N.any():
        return []
    place_C = np.arange(pairs.p_NC.shape[1])
    inside_NC = (place_C > low_N[far_N, None]) & (place_C < high_N[far_N, None])

    def share(p_NC: Floats) -> Floats:
        return np.asarray((p_NC[far_N] * inside_NC).sum(axis=1))

    references = {} if pairs.exact_NC is None else {"posterior": share(pairs.exact_NC)}
    return [measure("between", share(pairs.p_NC), references=references, **{**over, "units": pairs.id_N[far_N]})]


def _mixed(own: Batch, other: Batch) -> Batch:
    """Return the batch with the other's inputs beside its own."""
    return replace(
        own,
        inputs={**own.inputs, **other.inputs},
        masks={**own.masks, **other.masks},
        present={**own.present, **other.present},
    )


def _draw(labels_N: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return pairs of different items of known classes (2 count, 2): half of different classes, half of one."""
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(labels_N >= 0)
    found: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    if len(known) < 2:
        return np.zeros((0, 2), np.int64)
    for _ in range(20 * count):
        a, b = rng.choice(known, 2, replace=False)
        several = found[bool(labels_N[a] != labels_N[b])]
        if len(several) < count:
            several.append((int(a), int(b)))
        if min(len(found[True]), len(found[False])) == count:
            break
    return np.array([*found[True], *found[False]], np.int64).reshape(-1, 2)


def _correlation(rows_N2: Floats) -> float:
    spread = rows_N2.std(axis=0)
    if not spread.all():
        return 0.0
    return float(((rows_N2 - rows_N2.mean(axis=0)) / spread).prod(axis=1).mean())


def _dominance(first_N: Floats, second_N: Floats) -> float:
    first, second = float(first_N.mean()), float(second_N.mean())
    return (first - second) / max(first + second, 1e-12)


def _entropy(p_NC: Any) -> Floats:
    return np.asarray(-(p_NC * np.log(np.maximum(p_NC, 1e-12))).sum(axis=1))
