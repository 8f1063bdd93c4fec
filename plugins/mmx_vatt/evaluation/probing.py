"""Linear probes: support vector machines on frozen features, on raw input, and on untrained features.

Shapes: N items, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Audio, Corpus, DataError, Metric, PortError, Sample, Video, measure
from mmx_std import probes, splits
from mmx_vatt.evaluation.simple import log_spectrum
from mmx_vatt.evaluation.vectors import Floats, gather

if TYPE_CHECKING:
    from mmx import Model, Run

FOLDS: Final = 4
REPEATS: Final = 3
COST: Final = 0.01
"""C of the support vector machine, the same for all features of networks; that of the log spectrum is chosen."""
COMPONENTS: Final = 96
"""Raw input is judged by this many principal components, about as many numbers as the features have."""


@dataclass(frozen=True)
class Labelled:
    """Items with one class each.

    Attributes:
        samples: N items, with the field that the model's encoder reads.
        labels_N: Their classes.
        plan: Folds.
        groups: Recording of each: the independent unit.
        told: What the report should say of the groups, a sentence with a space before it.
    """

    samples: Sequence[Sample]
    labels_N: NDArray[np.int64]
    plan: probes.Plan
    groups: Sequence[str]
    told: str = ""


def of_corpus(corpus: Corpus, model: Model, encoder: str, target: str, group: str, least: int = FOLDS) -> Labelled:
    """Return all labelled items of a corpus of recordings or images, in folds that keep recordings together.

    Recordings are the values of the target `group`, or else those that `mmx_std.splits.group_of` finds.

    Classes with fewer than `least` recordings (or images) are left out. An image becomes a still video.

    Raises:
        PortError: The corpus has no field for the encoder, or no classes.
    """
    wanted = ("audio",) if encoder == "audio" else ("video", "image")
    field = next((name for name, modality in corpus.fields.items() if modality in wanted), None)
    names = corpus.targets.get(target)
    if field is None or names is None:
        raise PortError(
            f"a probe of {encoder} needs a field of {' or '.join(wanted)} and classes {target!r}; "
            f"fields: {', '.join(corpus.fields)}; targets: {', '.join(corpus.targets)}"
        )
    parts = splits.everything(corpus)
    samples = [sample for part in parts for sample in part if int(sample.targets.get(target, -1)) >= 0]
    name = splits.group_of(samples, group)
    groups = [str(sample.targets.get(name, sample.id)) for sample in samples]
    per_class = Counter(label for label, _ in {(s.targets[target], g) for s, g in zip(samples, groups, strict=True)})
    kept = [i for i, sample in enumerate(samples) if per_class[sample.targets[target]] >= least]
    classes = {old: new for new, old in enumerate(sorted({samples[i].targets[target] for i in kept}))}
    labels_N = np.array([classes[samples[i].targets[target]] for i in kept])
    plan = probes.shuffled_folds(labels_N, [groups[i] for i in kept], folds=FOLDS, repeats=REPEATS, seed=0)
    chosen = [_as_clip(samples[i], field, model.fields[encoder]) for i in kept]
    told = "" if name else f" No target {group!r} or 'group' names recordings: each item counts as one of its own."
    return Labelled(chosen, labels_N, plan, [groups[i] for i in kept], told)


def of_splits(known: Sequence[Sample], judged: Sequence[Sample], target: str) -> Labelled:
    """Return training and test items of one corpus; those of unknown class are left out.

    Independent units are the groups of a manifest where it has them.
    """
    samples = [*known, *judged]
    labels_N = np.array([int(sample.targets[target]) for sample in samples])
    parts_N = np.repeat([-1, 0], [len(known), len(judged)])
    kept = np.flatnonzero(labels_N >= 0)
    _, labels_N = np.unique(labels_N[kept], return_inverse=True)
    chosen = [samples[i] for i in kept]
    name = splits.group_of(chosen)
    groups = [str(sample.targets.get(name, sample.id)) for sample in chosen]
    return Labelled(chosen, labels_N, probes.official_folds(parts_N[kept]), groups)


def probe(
    name: str,
    labelled: Labelled,
    models: tuple[Model, Model],
    run: Run,
    encoder: str,
    *,
    seconds: float,
    windows: int,
) -> tuple[Metric, str]:
    """Return the accuracy of a linear probe on the aggregated features of one modality, and a sentence about its lead.

    The lead is over the untrained model on the same items and folds, with a paired interval over items, which is
    more powerful than two separate intervals.
    Audio also stands beside statistics of its log spectrum, C chosen on training items.

    Args:
        name: Of the metric.
        labelled: Items and folds.
        models: The trained and the untrained one.
        run: Makes the batches and leaves out what cannot be read.
        encoder: Modality.
        seconds: Length of a window.
        windows: Windows per item, averaged.
    """
    port = f"fused.{encoder}"
    options = {"seconds": seconds, "windows": windows, "label": name}
    own, before = (gather(m, run, labelled.samples, [port], **options)[port] for m in models)  # type: ignore[arg-type]
    raw_ND = _raw(models[0], labelled.samples, encoder)
    found, untrained = (_judge(x_ND, labelled) for x_ND in (own, before))
    simple = {"raw_input": _judge(raw_ND, labelled, standardise=False).hits}
    if encoder == "audio":
        spectrum_ND = log_spectrum(labelled.samples, models[0].fields[encoder])
        simple["log_spectrum"] = _judge(spectrum_ND, labelled, cost=None).hits
    simple["majority"] = probes.majority_hits(labelled.labels_N, labelled.plan)
    classes = np.bincount(labelled.labels_N)
    metric = measure(
        name,
        found.hits,
        chance=1 / len(classes),
        untrained=untrained.hits,
        baselines=simple,
        units=[labelled.groups[row] for row in found.judged],
        seed=run.seed,
    )
    ahead_N = found.hits - untrained.hits
    low, high = metric.gaps.get("untrained", (np.nan, np.nan))
    lead = (
        f"{name}, trained less untrained on the same {len(ahead_N)} items of {len(classes)} classes: "
        f"{ahead_N.mean():+.3f} (95 % interval {low:+.3f} to {high:+.3f}).{labelled.told}"
    )
    return metric, lead


def _judge(
    x_ND: Floats, labelled: Labelled, *, standardise: bool = True, cost: float | None = COST
) -> probes.Judgement:
    known_ND = np.nan_to_num(x_ND)  # an unreadable item gets a zero vector
    items = [x_D[None] for x_D in known_ND]
    return probes.judge(items, labelled.labels_N, labelled.plan, regularisation=cost, standardise=standardise)


def _raw(model: Model, samples: Sequence[Sample], encoder: str) -> Floats:
    """Return the main components (N, D) of the numbers that the encoder is given: pixels or samples, first window."""
    rows = [_prepared(model, sample, encoder) for sample in samples]
    known = [row for row in rows if row is not None]
    rows_NV = np.stack([np.zeros_like(known[0]) if row is None else row for row in rows])
    centred_NV = rows_NV - rows_NV.mean(0)
    values_N, vectors_NN = np.linalg.eigh(centred_NV @ centred_NV.T)
    scale_N = np.sqrt(np.maximum(values_N[::-1][:COMPONENTS], 1e-9))
    main_ND: Floats = (vectors_NN[:, ::-1][:, :COMPONENTS] * scale_N).astype(np.float64)
    # Components keep their proportions (small ones are noise); rows are as long as standardised features on average.
    return np.asarray(main_ND * np.sqrt(COMPONENTS / np.square(main_ND).sum(1).mean()))


def _prepared(model: Model, sample: Sample, encoder: str) -> NDArray[np.float32] | None:
    """Return what the encoder is given (V,); None for what cannot be read."""
    try:
        prepared = model.encoders[encoder].prepare(sample.fields[model.fields[encoder]])
    except DataError:
        return None
    x_V: NDArray[np.float32] = prepared.flatten().float().numpy()
    return x_V


def _as_clip(sample: Sample, field: str, wanted: str) -> Sample:
    value = sample.fields[field]
    if not isinstance(value, Audio | Video):
        value = Video(np.asarray(value)[None], 1.0)
    return Sample(sample.id, {wanted: value}, sample.targets)
