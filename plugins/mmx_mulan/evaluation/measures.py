"""Metrics of MuLan with chance level, untrained model and controls. Shapes: N recordings, C tags, Q queries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Figure, Metric, PaperValue, Sample, measure
from mmx_mulan.evaluation import figures, playlists, tagging
from mmx_mulan.evaluation.embedding import Encoded
from mmx_mulan.evaluation.tagging import Compared, Tags, above
from mmx_std import music_words as words
from mmx_std import retrieval as ranked

if TYPE_CHECKING:
    from mmx import Model, Run

Floats = NDArray[np.float64]
Reader = Callable[[Sequence[str], "Model"], Floats]
"""Texts and a model -> the model's unit vectors of them."""

SCALE: Final = "M-ResNet-50, 44 M music videos"
TAGGING: Final = PaperValue(0.782, f"MagnaTagATune, 50 tags, {SCALE}")
PROBE: Final = PaperValue(0.927, f"MagnaTagATune, 50 tags, {SCALE}")
SEARCH: Final = {
    "map_title": PaperValue(0.104, f"7,000 playlists, 100 k recordings, {SCALE}"),
    "map_description": PaperValue(0.084, f"7,000 playlists, 100 k recordings, {SCALE}"),
    "retrieval_auc_title": PaperValue(0.931, f"7,000 playlists, 100 k recordings, {SCALE}"),
    "retrieval_auc_description": PaperValue(0.901, f"7,000 playlists, 100 k recordings, {SCALE}"),
}
PLAYLIST_TRIPLETS: Final = PaperValue(0.945, f"playlists, {SCALE}")
ONTOLOGY_TRIPLETS: Final = PaperValue(0.951, f"AudioSet ontology, {SCALE}")

_ABOUT_CLASSES: Final = (
    "auc_never_classes: tags whose concept was no class in the audio tower's first stage, learned from texts alone. "
    "auc_once_classes: tags whose concept was one, in other words ({})."
)
PART: Final = 5
"""Fewest recordings with and without a tag in a part of the recordings."""


@dataclass(frozen=True)
class Setting:
    """Parameters of the task: see `mmx_mulan.evaluation.task.Judge`."""

    names: Sequence[str]
    prompts: Sequence[str]
    window: float
    windows: int
    least: int
    playlists: int
    triplets: int


@dataclass(frozen=True)
class Side:
    """A model with its vectors and scores of the recordings.

    Attributes:
        model: The model.
        encoded: Vectors of the judged recordings.
        learned: Vectors of the training recordings for the probe, or None.
        scores_NC: How well each recording fits each tag's prompt (N, C).
    """

    model: Model
    encoded: Encoded
    learned: Encoded | None
    scores_NC: Floats


@dataclass(frozen=True)
class Tagged:
    """The result of tagging."""

    tags: Tags
    area_C: Floats
    untrained_C: Floats
    scores_NC: Floats
    metrics: list[Metric]
    notes: Sequence[str]

    def best(self, row: int, count: int) -> str:
        """Return the tags that fit a recording best, by how far each is above its average recording."""
        judged = list(self.tags.judged)
        scores_NC = self.scores_NC[:, judged]
        score_C = above(scores_NC[row], scores_NC)
        return ", ".join(self.tags.names[judged[i]] for i in np.argsort(-score_C)[:count])

    def by_part(self, part_N: Sequence[int], names: Sequence[str]) -> list[str]:
        """Return a sentence: the mean area of the tags of the notation (all, where there are none) in each part.

        Tags with fewer than `PART` positive or negative recordings in a part are left out there; where that leaves
        nothing, there is no sentence.

        Args:
            part_N: Number of each recording's part.
            names: Names of the parts.
        """
        found = []
        for number, name in enumerate(names):
            rows_N = np.asarray(part_N) == number
            tags = tagging.gather(self.tags.names, self.tags.truth_NC[rows_N], PART)
            audible = [
                place for place in tags.judged if place in self.tags.judged and tags.names[place] not in words.SUNG
            ]
            chosen = [place for place in audible if _is_real(tags.names[place])] or audible
            if chosen:
                area_C = tagging.auc(replace(tags, judged=chosen), self.scores_NC[rows_N])
                found.append(f"{name} {np.nanmean(area_C):.3f} ({int(rows_N.sum())} recordings, {len(chosen)} tags)")
        return [f"Mean area over tags of the notation by who plays along: {', '.join(found)}."] if found else []

    def true(self, row: int) -> str:
        """Return the true tags of a recording."""
        return ", ".join(name for name, true in zip(self.tags.names, self.tags.truth_NC[row], strict=True) if true > 0)

    def figures(self) -> list[Figure]:
        """Return the bars and the heat map."""
        tags = self.tags
        names = [tags.names[i] for i in tags.judged]
        bars = figures.tag_bars(names, self.area_C, self.untrained_C, [_group(name) for name in names], tags.positives)
        heat = figures.heat_map(self.scores_NC[:, tags.judged], tags.truth_NC[:, tags.judged], names)
        return [
            Figure("auc_per_tag", bars, "Zero-shot area under the ROC curve of each tag (number of positives)."),
            Figure("words_and_music", heat, "Similarity of recordings with one tag to the words of another tag."),
        ]


def truth(samples: Sequence[Sample], target: str, setting: Setting, known: Iterable[Sample] | None) -> Tags:
    """Return the true tags of recordings; tags that are rare among the `known` samples of training are not judged."""
    count = len(setting.names)
    truth_NC = _truth(samples, target, count)
    learned_C = None if known is None else (_truth(known, target, count) > 0).sum(0)
    return tagging.gather(setting.names, truth_NC, setting.least, learned_C)


def _truth(samples: Iterable[Sample], target: str, count: int) -> Floats:
    """Return which of `count` tags are true (N, C); a target that is one class is that tag alone."""
    rows = []
    for sample in samples:
        value = np.asarray(sample.targets[target], np.float64)
        rows.append(np.eye(count)[int(value)] if value.ndim == 0 else value)
    return np.stack(rows)


def _is_real(name: str) -> bool:
    return all(tag.real for tag in words.TAGS if tag.value == name)


def _kind(name: str) -> str:
    """Return the kind of fact that a tag is about, "" for a tag of another corpus."""
    return next((tag.kind for tag in words.TAGS if tag.value == name), "")


def _group(name: str) -> str:
    notation, played, sung = figures.COLOURS
    return sung if name in words.SUNG else notation if _is_real(name) else played


def by_kind(tags: Tags, area_C: Floats) -> dict[str, Floats]:
    """Return the areas of the judged tags by the kind of fact they are about; sung genres apart, unknown tags left out.

    Args:
        tags: The tags.
        area_C: Area under the curve of each judged tag.
    """
    kinds: dict[str, list[float]] = {}
    for number, area in zip(tags.judged, area_C, strict=True):
        name = tags.names[number]
        if kind := "sung genre" if name in words.SUNG else _kind(name):
            kinds.setdefault(kind, []).append(float(area))
    return {kind: np.array(areas) for kind, areas in kinds.items()}


def tagging_notes(tags: Tags, area_C: Floats, pretrained: Collection[str]) -> list[str]:
    """Return the notes on tagging; `pretrained` as for `tagging_groups`."""
    kinds = ", ".join(f"{kind} {np.nanmean(areas):.3f} ({len(areas)})" for kind, areas in by_kind(tags, area_C).items())
    ranked = sorted(zip(area_C, (tags.names[number] for number in tags.judged), strict=True), reverse=True)
    return [
        f"Area of each of {len(area_C)} tags: {', '.join(f'{name} {area:.3f}' for area, name in ranked)}.",
        "Intervals are over recordings, not over tags.",
        "auc_notation: facts of the notation (genre, region, metre, mode: real). auc_played: "
        "facts of how the program played it (instrument, tempo, register: synthetic). auc_sung_words: genres that are "
        "about a song's words, which are not sung here; they are no part of auc.",
        *([_ABOUT_CLASSES.format(", ".join(sorted(pretrained)))] if pretrained else []),
        *([f"Mean area by kind of fact (number of tags): {kinds}."] if kinds else []),
        "swapped_recordings: every recording is evaluated against the truth of another. ridge_...: the words of a text "
        "from cheap statistics of its audio by ridge regression; cca, nearest_neighbour: see mmx_ranked.baselines.",
    ]


def tagging_groups(tags: Tags, pretrained: Collection[str]) -> dict[str, list[int]]:
    """Return positions among the judged tags: of all audible facts, and of these by origin.

    Tags about the words of songs are a group of their own, unless there are no others.

    Args:
        tags: The tags.
        pretrained: Kinds of facts that were classes of the first stage; their tags are averaged separately.
    """
    names = [tags.names[number] for number in tags.judged]
    audible = [place for place, name in enumerate(names) if name not in words.SUNG] or list(range(len(names)))
    known = [place for place in audible if _kind(names[place]) in pretrained]
    groups = {
        "auc": audible,
        "auc_never_classes": [place for place in audible if place not in known] if known else [],
        "auc_once_classes": known,
        "auc_notation": [place for place in audible if _is_real(names[place])],
        "auc_played": [place for place in audible if not _is_real(names[place])],
        "auc_sung_words": [place for place in range(len(names)) if place not in audible],
    }
    return {name: places for name, places in groups.items() if places and (name == "auc" or places != audible)}


def judge_tags(
    tags: Tags,
    trained: Side,
    untrained: Side,
    seed: int,
    pretrained: Collection[str] = (),
    *,
    simple: Mapping[str, Floats] | None = None,
    units: Sequence[str] = (),
) -> Tagged:
    """Evaluate zero-shot tagging (section 5): the mean over tags, all and by origin.

    Args:
        tags: The tags.
        trained: The model.
        untrained: The untrained model.
        seed: Of intervals.
        pretrained: As for `tagging_groups`.
        simple: Scores (N, C) of simple methods.
        units: Independent unit of each recording; default: each is one.
    """
    own_NC = trained.scores_NC
    swap_N = np.random.default_rng([seed, 5]).permutation(len(own_NC))
    units = units or [str(row) for row in range(len(own_NC))]
    compared = Compared(own_NC, untrained.scores_NC, own_NC[swap_N], simple or {}, units, seed)
    groups = tagging_groups(tags, pretrained)
    metrics = [
        tagging.metric(name, tags, chosen, compared, TAGGING if name == "auc" else None)
        for name, chosen in groups.items()
    ]
    area_C = tagging.auc(tags, own_NC)
    notes = tagging_notes(tags, area_C, pretrained)
    return Tagged(tags, area_C, tagging.auc(tags, untrained.scores_NC), own_NC, metrics, notes)


def probing(
    tags: Tags,
    known: Sequence[Sample],
    target: str,
    trained: Side,
    untrained: Side,
    seed: int,
    units: Sequence[str] = (),
) -> Metric:
    """Evaluate a logistic regression per tag on the frozen vectors of training recordings."""

    def rows(side: Side) -> Floats:
        assert side.learned is not None  # noqa: S101 (set where the probe is on)
        truth_NC = _truth((known[int(i)] for i in side.learned.positions), target, len(tags.names))
        scores_NC = tagging.probe(side.learned.vectors_ND, truth_NC, side.encoded.vectors_ND, tags)
        return tagging.placements(tags, scores_NC)

    return measure(
        "probe_auc",
        rows(trained),
        units=units or range(len(tags.truth_NC)),
        chance=0.5,
        untrained=rows(untrained),
        paper=PROBE,
        seed=seed,
    )


@dataclass(frozen=True)
class Retrieved:
    """The result of retrieval and triplets."""

    metrics: Sequence[Metric]
    figures: list[Figure]


def retrieval(
    facts: Sequence[Mapping[str, str]], trained: Side, untrained: Side, read: Reader, setting: Setting, run: Run
) -> Retrieved:
    """Evaluate retrieval of playlists by title and by description, and triplets of texts."""
    lists = playlists.make(facts, setting.playlists)
    if not lists:
        return Retrieved([], [])
    truth_QN = playlists.truth(lists, len(facts))
    found: list[Metric] = []
    curves: dict[str, Floats] = {}
    for way, queries in (("title", [one.title for one in lists]), ("description", [one.description for one in lists])):
        own_QN, untrained_QN = (read(queries, side.model) @ side.encoded.vectors_ND.T for side in (trained, untrained))
        found += _search_metrics(way, own_QN, untrained_QN, truth_QN, run.seed)
        curves[f"by {way}"] = ranked.AveragePrecision().each(ranked.Ranked(own_QN, truth_QN))
    found += _triplet_metrics(lists, trained, untrained, read, setting, run.seed)
    drawn = Figure(
        "playlists",
        figures.curve(curves, float(truth_QN.mean())),
        f"{len(lists)} playlists over {len(facts)} recordings: average precision of each.",
    )
    return Retrieved(found, [drawn])


def _search_metrics(
    way: str, own_QN: Floats, untrained_QN: Floats, truth_QN: NDArray[np.bool_], seed: int
) -> list[Metric]:
    """Return how well recordings are ranked for each playlist; intervals are over playlists."""
    popular_QN = np.broadcast_to(truth_QN.sum(0).astype(float), truth_QN.shape)
    judged = ranked.Judgement(
        [ranked.Ranked(own_QN, truth_QN)],
        [ranked.Ranked(untrained_QN, truth_QN)],
        range(len(truth_QN)),
        "playlists",
        seed,
        controls={"popularity": [ranked.Ranked(popular_QN, truth_QN)]},
        references={"oracle_order": [ranked.Ranked(truth_QN.astype(float), truth_QN)]},
    )
    kinds: Mapping[str, ranked.Kind] = {
        "recall_at_10": ranked.Recall(10),
        "map": ranked.AveragePrecision(),
        "retrieval_auc": ranked.Area(),
    }
    return [judged.metric(f"{name}_{way}", kind, paper=SEARCH.get(f"{name}_{way}")) for name, kind in kinds.items()]


def _triplet_metrics(
    lists: Sequence[playlists.Playlist], trained: Side, untrained: Side, read: Reader, setting: Setting, seed: int
) -> list[Metric]:
    sets = {
        "triplets_playlist": (playlists.playlist_triplets(lists, setting.triplets, seed), PLAYLIST_TRIPLETS),
        "triplets_ontology": (playlists.ontology_triplets(setting.triplets, seed), ONTOLOGY_TRIPLETS),
    }
    found = []
    for name, (triplets, paper) in sets.items():
        if not triplets:
            continue
        texts = sorted({text for triplet in triplets for text in triplet})
        place = {text: row for row, text in enumerate(texts)}
        rows_3N = np.array([[place[text] for text in triplet] for triplet in triplets]).T
        right = {
            key: playlists.closer(*(vectors_ND[rows_N] for rows_N in rows_3N))
            for key, vectors_ND in (
                ("value", read(texts, trained.model)),
                ("untrained", read(texts, untrained.model)),
                ("words", playlists.bags(texts)),
            )
        }
        found.append(
            measure(
                name,
                right["value"],
                units=[first for first, *_ in triplets],
                unit="first texts",
                chance=0.5,
                untrained=right["untrained"],
                controls={"bag_of_words": right["words"]},
                paper=paper,
                seed=seed,
            )
        )
    return found
