"""The task `probe`: what a linear classifier reads from frozen features of labelled items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field
from torch import nn

from mmx import Clip, Corpus, DataError, Figure, Metric, MmxError, PaperValue, Prediction, Report, Sample, measure
from mmx_std.corpora import splits
from mmx_std.ops.ports import qualify
from mmx_std.tasks import judging, plots
from mmx_std.tasks.probing import linear, simple
from mmx_std.tasks.probing.items import (
    Items,
    Protocol,
    chosen,
    divide,
    examples,
    gather,
    recordings,
    rows,
    told_group,
)
from mmx_std.tasks.probing.layers import (
    LayerFeatures,
    Pooling,
    calibrate,
    calibrated,
    encode,
    features_of,
    known_layers,
)

__all__ = ["Found", "Probe", "Protocol"]

if TYPE_CHECKING:
    from mmx import Batch, Model, Run

_TOP: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found.

    Attributes:
        items: The items that could be read, in order.
        expected: How many there were.
        plan: Repetitions of folds.
        units: The independent unit of each item.
        unit: What units are, in the plural.
        judged: Network -> layer -> judgement. "trained" and "random" (untrained) have normalisations calibrated on the
            same items; "as_saved" and "as_initialised" those that they have by themselves.
        features: Of the trained network.
        layer: The layer that is judged.
        methods: Simple method -> hits of each judged item.
        notes: For the report.
        left_out: Of the report: classes that are too rare.
    """

    items: Items
    expected: int
    plan: linear.Plan
    units: Sequence[str]
    unit: str
    judged: Mapping[str, Mapping[str, linear.Judgement]]
    features: LayerFeatures
    layer: str
    methods: Mapping[str, np.ndarray]
    notes: Sequence[str]
    left_out: Sequence[str] = ()

    @property
    def best(self) -> linear.Judgement:
        """The trained network's judgement at the layer that is judged."""
        return self.judged["trained"][self.layer]

    def accuracy(self, seed: int, paper: PaperValue | None = None) -> Metric:
        """Return the accuracy beside all that it is compared with."""
        judged, layer = self.judged, self.layer
        references = {name: judged[name][layer].accuracy for name in ("as_saved", "as_initialised")}
        if len(judged["random"]) > 1:
            references["random_best_layer"] = max(each.accuracy for each in judged["random"].values())
        known = ("trained", "random", *references)
        references |= {name: by[layer].accuracy for name, by in judged.items() if name not in known and layer in by}
        return measure(
            "accuracy",
            self.best.hits,
            units=[self.units[place] for place in self.best.judged],
            unit=self.unit,
            chance=1 / len(self.items.names),
            untrained=judged["random"][layer].hits,
            baselines=self.methods,
            controls={"majority": linear.majority_hits(self.items.labels, self.plan)},
            references=references,
            paper=paper,
            seed=seed,
        )

    def predictions(self) -> list[dict[str, Any]]:
        """Return a row per judged item."""
        return rows(self.items, self.best, self.judged["random"][self.layer], self.units)

    def shown(self) -> list[tuple[Sample, str]]:
        """Return some items with what they were taken for."""
        return chosen(self.items, self.best)

    def examples(self, field: str) -> list[Clip]:
        """Return players of those items, where the field is audio or video."""
        return examples(self.items, self.best, field)

    def figures(self, seed: int) -> list[Figure]:
        """Return the confusion, the items by their features, and the accuracy by layer where several were judged."""
        names = self.items.names
        features_ND = np.stack([self.features[self.layer][sample.id].mean(0) for sample in self.items.samples])
        lines = {
            network: {layer: each.accuracy for layer, each in by.items()}
            for network, by in self.judged.items()
            if len(by) > 1
        }
        result = [
            Figure("confusion", plots.confusion(self.best.confusion(len(names)), names), "Confusion of classes."),
            Figure(
                "features",
                plots.neighbourhood(features_ND, self.items.labels, names, seed),
                f"Items with similar features of {self.layer} lie together (t-SNE).",
            ),
        ]
        if lines:
            drawn = plots.lines(lines, 1 / len(names), ("layer", "accuracy"))
            result.append(Figure("layers", drawn, "Accuracy of a linear classifier by layer."))
        return result


class Probe:
    """Judge frozen features by a linear support vector machine on labelled items.

    `shuffled` divides the items into stratified folds several times; items of one recording stay in one fold.
    `official` uses the target `fold` of the corpus (ESC-50), `splits` learns from split train and judges the run's
    split (DCASE). `untrained` is the same classifier on the untrained network. Both take the statistics of their
    normalisations from the same unlabelled training items, so that nothing but weights differs; the references
    `as_saved` and `as_initialised` have those that training left, and none. Baselines are simple methods on the same
    items, and for audio the same classifier on the cepstrum.

    Args:
        items: Corpus of labelled items; default: the experiment's own.
        reads: Port of the features: an encoder's name, `encoded.NAME`, or `fused.NAME`.
        layer: Layer whose features are judged: one of the encoder's, "tokens", "pooled", or a part of the prediction of
            `head`.
        pooling: Average each layer over time, or let sliding windows of a tenth of an item vote.
        target: Target of the items that is classified.
        group: Target that names the recording that an item was cut from; where the items lack it, their target `group`
            (a manifest's column) or `recording` is taken, and the report says which.
        protocol: How items are divided.
        folds: Folds of each shuffle.
        repeats: Shuffles.
        regularisation: C of the support vector machine; "chosen" chooses it on the training items of each fold.
        standardise: Bring features to mean 0 and variance 1 on the training items.
        sweep: Other layers to judge, for the figure; those that a network lacks are left out.
        head: Head with predictions over time that are layers, too; empty for none.
        calibration: Training samples that normalisations are calibrated on.
        margin: What the intervals of the distances to chance, the untrained network and controls must lie above.
    """

    def __init__(
        self,
        items: Corpus | None = None,
        *,
        reads: str = "encoded.audio",
        layer: str = "pooled",
        pooling: Pooling = "mean",
        target: str = "label",
        group: str = "recording",
        protocol: Protocol = "shuffled",
        folds: Annotated[int, Field(ge=2)] = 4,
        repeats: Annotated[int, Field(ge=1)] = 5,
        regularisation: float | Literal["chosen"] = 0.01,
        standardise: bool = True,
        sweep: Sequence[str] = (),
        head: str = "",
        calibration: Annotated[int, Field(ge=1)] = 240,
        margin: Annotated[float, Field(ge=0)] = 0.0,
    ) -> None:
        self.items, self.reads = items, qualify(reads, "encoded")
        self.layer, self.pooling, self.target, self.group = layer, pooling, target, group
        self.protocol, self.folds, self.repeats = protocol, folds, repeats
        self.regularisation = None if regularisation == "chosen" else regularisation
        self.standardise = standardise
        self.layers = tuple(dict.fromkeys((layer, *sweep)))
        self.head, self.calibration, self.margin = head or None, calibration, margin
        self.needs = (self.reads, *([f"heads.{head}"] if head else []))

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what the data lacks: items enough in classes."""
        try:
            offered = gather(self.items or corpus, self.field(model), self.target, self.protocol, split)
            if self.protocol == "shuffled":
                offered.frequent(self.folds)
        except MmxError as error:
            return [str(error)]
        return []

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the features on the items.

        Raises:
            DataError: Too few labelled items.
            PortError: The items offer no such field or target, or the features no such layer.
        """
        found = self.study(model, corpus, run, self.unlabelled(corpus, run))
        return Report(
            metrics=[found.accuracy(run.seed)],
            used=len(found.items.samples),
            expected=found.expected,
            predictions=found.predictions(),
            figures=found.figures(run.seed),
            clips=found.examples(self.field(model)),
            notes=found.notes,
            left_out=found.left_out,
            margin=self.margin,
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Name the classes that a linear classifier, fitted to all labelled items of `items`, puts first.

        Raises:
            DataError: The task was given no items to learn from.
        """
        if self.items is None:
            raise DataError("a probe learns to name classes from task.items, which this experiment does not give")
        field = self.field(model)
        items = gather(self.items, field, self.target, "shuffled", "test")
        features = self._alone(model, [*items.samples, Sample("input", {field: raw[field]})])
        known = items.only(features)
        windows = [features[sample.id] for sample in known.samples]
        options: dict[str, Any] = {"regularisation": self.regularisation, "standardise": self.standardise}
        scores_C = linear.scores(windows, known.labels, features["input"], **options)
        best = np.argsort(-scores_C, kind="stable")[:_TOP]
        rows = [{"class": items.names[index], "score": float(scores_C[index])} for index in best.tolist()]
        note = (
            f"Decision values of a linear classifier of {self.layer}, fitted to {len(windows)} items of {self.target}."
        )
        return Prediction(rows, notes=(note,))

    def _alone(self, model: Model, samples: Sequence[Sample]) -> Mapping[str, np.ndarray]:
        """Return the features of the layer that is judged, by id; what cannot be read is left out."""
        model.eval()
        encoders = model.plan([self.reads]).encoders

        def batches() -> Iterator[Batch]:
            for sample in samples:
                with suppress(DataError):
                    yield model.prepare([sample], encoders).to(model.device)

        head = None if self.layer in ("tokens", "pooled") else self.head
        return encode(model, batches(), self.reads, [self.layer], head=head, pooling=self.pooling)[self.layer]

    def unlabelled(self, corpus: Corpus, run: Run) -> list[Sample]:
        """Return the experiment's own samples that normalisations are calibrated on."""
        return list(islice(judging.training(corpus) or corpus.split(run.split), self.calibration))

    def field(self, model: Model) -> str:
        """Return the field of the items that the features are computed from."""
        return model.fields[model.plan([self.reads]).encoders[0]]

    def study(
        self,
        model: Model,
        corpus: Corpus,
        run: Run,
        train: Sequence[Sample],
        others: Mapping[str, nn.Module] | None = None,
    ) -> Found:
        """Judge every layer of every network.

        Args:
            model: The trained model.
            corpus: The experiment's corpus.
            run: Makes batches and the untrained model.
            train: Unlabelled samples that calibrate normalisations.
            others: Name -> encoder that is judged in the place of the model's own, as a reference.

        Raises:
            DataError: Too few labelled items.
            PortError: The items offer no such field or target, or the features no such layer.
        """
        origin = self.items or corpus
        field = self.field(model)
        offered = gather(origin, field, self.target, self.protocol, run.split)
        expected = len(offered.samples) + getattr(origin, "expected", 0) - getattr(origin, "used", 0)
        rare: list[str] = []
        if self.protocol == "shuffled":
            offered, rare = offered.frequent(self.folds)
        features = self._networks(model, run, offered, train, others or {})
        items = offered.only(features["trained"][self.layer])
        plan = divide(items, self.protocol, self.group, folds=self.folds, repeats=self.repeats)
        judged = {
            network: {layer: self._judge(items, plan, windows) for layer, windows in by_layer.items()}
            for network, by_layer in features.items()
        }
        units = recordings(items, self.group)
        methods = simple.methods(items, plan, field, units, self.regularisation)
        notes = [*self._notes(items, plan, judged["trained"][self.layer]), *judging.left_out(origin)]
        if self.protocol == "shuffled":
            notes.append(told_group(items, self.group))
        lost = [f"classes with fewer than {self.folds} items each: {', '.join(rare)}."] if rare else []
        unit = f"{splits.group_of(items.samples, self.group) or 'item'}s"
        return Found(items, expected, plan, units, unit, judged, features["trained"], self.layer, methods, notes, lost)

    def _judge(self, items: Items, plan: linear.Plan, windows: Mapping[str, np.ndarray]) -> linear.Judgement:
        return linear.judge(
            [windows[sample.id] for sample in items.samples],
            items.labels,
            plan,
            regularisation=self.regularisation,
            standardise=self.standardise,
        )

    def _networks(
        self, model: Model, run: Run, items: Items, train: Sequence[Sample], others: Mapping[str, nn.Module]
    ) -> dict[str, LayerFeatures]:
        untrained = run.untrained()
        with calibrated(model, run, train, self.reads):
            result = {"trained": self._features(model, run, items, "trained network", self.layers)}
        result["as_saved"] = self._features(model, run, items, "network as saved", [self.layer])
        result["as_initialised"] = self._features(untrained, run, items, "untrained network", [self.layer])
        calibrate(untrained, run, train, self.reads)
        result["random"] = self._features(untrained, run, items, "calibrated network", self.layers)
        for name, encoder in others.items():
            untrained.encoders[untrained.plan([self.reads]).encoders[0]] = encoder.to(run.device).eval()
            result[name] = self._features(untrained, run, items, f"{name} network", self.layers, own=True)
        return result

    def _features(
        self, model: Model, run: Run, items: Items, label: str, layers: Sequence[str], *, own: bool = False
    ) -> LayerFeatures:
        """Return a network's features; with `own` those of the port alone."""
        head = None if own else self.head
        known, parts = known_layers(model, run, items.samples, self.reads, head)
        wanted = [layer for layer in (*known, *parts) if layer in layers]  # in the order of the network
        wanted += [self.layer] if self.layer in layers and self.layer not in wanted else []
        head = head if set(wanted) & set(parts) else None
        return features_of(model, run, items.samples, self.reads, wanted, head=head, pooling=self.pooling, label=label)

    def _notes(self, items: Items, plan: linear.Plan, best: linear.Judgement) -> list[str]:
        costs = sorted(set(best.regularisations))
        return [
            f"{len(items.samples)} items of {len(items.names)} classes; "
            f"{len(plan)} x {len(plan[0])} folds ({self.protocol}); "
            f"features {self.layer}, {self.pooling}; C = {', '.join(f'{cost:g}' for cost in costs)}"
            f"{'' if self.regularisation else ' (chosen on training items)'}; "
            f"standard deviation over shuffles {best.spread:.3f}.",
            "untrained: the same network before training; both have normalisations calibrated on the same unlabelled "
            "training items. as_saved, as_initialised: with those that training left, and with none.",
        ]
