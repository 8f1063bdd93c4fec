"""Sum task: the vectors of two modalities together find the item that holds what each of them shows.

Shapes: Q questions, N items of the gallery, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Clip, Corpus, Metric, Model, Prediction, Report, Run, Sample, UserError
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import asking, judging, metrics
from mmx_std.tasks.retrieval.judgement import Judgement, Ranked, Recall

__all__ = ["SumOfTwo"]

Floats = NDArray[np.float64]
PLACES: Final = (1, 5, 10)
"""k of recall at k."""
_AMONG: Final = "among"
"""Key of the candidates of `a`'s field, where that may hold the query, too."""
_SHOWN: Final = 2
"""Questions whose answers are shown as media."""


@dataclass(frozen=True)
class _Questions:
    """For each item of the gallery with two classes, one item of each: places in the split (Q,), and what is right."""

    a_Q: NDArray[np.int64]
    b_Q: NDArray[np.int64]
    right_QN: NDArray[np.bool_]


class SumOfTwo:
    """Judges whether "image of a dog" + "sound of a bell" finds the image with a dog and a bell.

    query = share * a + (1 - share) * b, with unit vectors of two items of one class each, of two modalities (Girdhar et
    al., 2023, section 5 and figure 4); items of the gallery, which hold two classes, are compared by cosine. Right are
    those with exactly these two. Controls: either item alone, and b of another class.

    For a user's files, whatever is given is added up, and texts or the files of a folder are ranked by it.

    Args:
        classes: The corpus's class names by target.
        a: Fused features of the first item and of the gallery, by name or port.
        b: Fused features of the second item.
        target: Class of a single item.
        contents: Multi-hot classes of the items of the gallery.
        gallery: Split with the items that are found.
        others: Further features that a user's files may be compared with.
        share: Weight of a.
        limit: Most items of each split, evenly spread.
        margin: What the intervals of the distances to chance, the untrained model and the controls must lie above.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        a: str,
        b: str,
        target: str,
        contents: str,
        gallery: str,
        others: Sequence[str] = (),
        share: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        limit: Annotated[int, Field(ge=2)] = 1000,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.a, self.b = qualify(a, "fused"), qualify(b, "fused")
        self.ports = (self.a, self.b, *(qualify(name, "fused") for name in others))
        self.names = list(class_names(classes, target))
        self.target, self.contents, self.gallery = target, contents, gallery
        self.needs = (*self.ports, f"targets.{target}", f"targets.{contents}")
        self.share, self.limit, self.margin = share, limit, margin

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split` with the gallery."""
        singles = judging.spread(corpus.split(run.split), self.limit)
        pairs = judging.spread(corpus.split(self.gallery), self.limit)
        models = {"own": model, "untrained": run.untrained()}
        ids, labels_M, vectors = self._singles(models, singles, run)
        found_ids, contents_NC, shown = self._pairs(models, pairs, run)
        asked = _questions(labels_M, contents_NC, run.seed)
        if not len(asked.a_Q):
            told = f"No item of {self.gallery} holds two classes of which {run.split} has one item each."
            return Report([], 0, len(pairs), notes=[told])
        scores = {name: self._scores(vectors[name], shown[name], asked.a_Q, asked.b_Q, self.share) for name in models}
        a, b = vectors["own"]
        wrong_Q = asked.b_Q[judging.derangement(len(asked.b_Q), run.seed)]
        scores["a_alone"] = self._scores((a, b), shown["own"], asked.a_Q, asked.b_Q, 1.0)
        scores["b_alone"] = self._scores((a, b), shown["own"], asked.a_Q, asked.b_Q, 0.0)
        scores["another_b"] = self._scores((a, b), shown["own"], asked.a_Q, wrong_Q, self.share)
        ranks_Q = metrics.first_ranks(scores["own"], asked.right_QN)
        best_Q = scores["own"].argmax(axis=1)
        return Report(
            self._metrics(scores, asked, run.seed),
            used=len(asked.a_Q),
            expected=len(pairs),
            predictions=[
                {"id": ids[a], "plus": ids[b], "answer": found_ids[int(best)], "rank": float(rank)}
                for a, b, best, rank in zip(asked.a_Q, asked.b_Q, best_Q, ranks_Q, strict=True)
            ],
            clips=self._clips(model, judging.judged(singles, ids), judging.judged(pairs, found_ids), asked, best_Q),
            notes=[f"{len(asked.a_Q)} questions, each over a gallery of {len(found_ids)} items."],
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return field -> raw value, or `Candidates`: a file, further fields, and texts or a folder of `a`."""
        fields = {asking.field_of(model, port): port for port in self.ports}
        given = {name: str(value) for name, value in extras.items()}
        folder = given.pop("in", None)
        raw: dict[str, Any] = {}
        for name in [name for name in given if name in fields]:
            raw |= asking.read_question(model, [fields[name]], Path(given.pop(name)), {})
        raw |= asking.read_question(model, [port for field, port in fields.items() if field not in raw], path, given)
        if folder is not None:
            raw[_AMONG] = asking.in_folder(Path(folder), asking.modality_of(model, self.a))
        return raw

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Rank the candidates, or else the names of the classes, by the sum of what is given.

        Raises:
            UserError: Nothing is given to compare.
        """
        fields = {asking.field_of(model, port): port for port in self.ports}
        many = {field for field in fields if isinstance(raw.get(field), list | tuple | asking.Candidates)}
        single = [field for field in fields if raw.get(field) is not None and field not in many]
        if not single:
            raise UserError(f"this model compares {', '.join(fields)}; give one: mmx predict RUN FILE")
        vectors = [asking.embed(model, fields[field], [raw[field]])[0] for field in single]
        sum_D = torch.nn.functional.normalize(torch.stack(vectors).mean(dim=0), dim=0)
        if _AMONG in raw:
            return asking.ranked(model, sum_D, (self.a, raw[_AMONG]))
        if many:
            field = sorted(many)[0]
            return asking.ranked(model, sum_D, (fields[field], raw[field]))
        text = next((port for port in self.ports if asking.modality_of(model, port) == "text"), None)
        if text is None or asking.field_of(model, text) in single:
            raise UserError("compare it with what? add --texts, or --in FOLDER")
        return asking.ranked(model, sum_D, (text, self.names))

    def _singles(
        self, models: Mapping[str, Model], samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], NDArray[np.int64], dict[str, tuple[Floats, Floats]]]:
        """Return ids, classes (M,), and by model the unit vectors of both modalities (M, D) each."""
        ids: list[str] = []
        labels: list[int] = []
        rows: dict[str, tuple[list[torch.Tensor], list[torch.Tensor]]] = {name: ([], []) for name in models}
        variants = {name: (each, judging.as_it_is) for name, each in models.items()}
        for batch, found in judging.outputs(variants, samples, (self.a, self.b), run, "judging sums"):
            ids += batch.ids
            labels += [int(value) for value in batch.targets[self.target]]
            for name, outputs in found.items():
                for part, port in zip(rows[name], (self.a, self.b), strict=True):
                    part.append(_unit(read(outputs, port)))
        vectors = {name: (torch.cat(a).numpy(), torch.cat(b).numpy()) for name, (a, b) in rows.items()}
        return ids, np.array(labels, np.int64), vectors

    def _pairs(
        self, models: Mapping[str, Model], samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], NDArray[np.bool_], dict[str, Floats]]:
        """Return ids, contents (N, C), and by model the unit vectors of the gallery (N, D)."""
        ids: list[str] = []
        contents: list[NDArray[np.bool_]] = []
        rows: dict[str, list[torch.Tensor]] = {name: [] for name in models}
        variants = {name: (each, judging.as_it_is) for name, each in models.items()}
        for batch, found in judging.outputs(variants, samples, (self.a,), run, "judging the gallery"):
            ids += batch.ids
            contents.append(np.asarray(batch.targets[self.contents]) > 0)
            for name, outputs in found.items():
                rows[name].append(_unit(read(outputs, self.a)))
        return ids, np.concatenate(contents), {name: torch.cat(parts).numpy() for name, parts in rows.items()}

    @staticmethod
    def _scores(vectors: tuple[Floats, Floats], shown_ND: Floats, a_Q: Any, b_Q: Any, share: float) -> Floats:
        query_QD = share * vectors[0][a_Q] + (1 - share) * vectors[1][b_Q]
        return np.asarray(query_QD @ shown_ND.T)  # the length of a query changes no rank

    def _metrics(self, scores: Mapping[str, Floats], asked: _Questions, seed: int) -> list[Metric]:
        found = {name: [Ranked(table_QN, asked.right_QN)] for name, table_QN in scores.items()}
        judged = Judgement(
            found["own"],
            found["untrained"],
            np.arange(len(asked.a_Q)),
            "items",
            seed,
            controls={name: found[name] for name in ("a_alone", "b_alone", "another_b")},
        )
        return [judged.metric(f"sum_at_{k}", Recall(k)) for k in PLACES if k < asked.right_QN.shape[1]]

    def _clips(
        self, model: Model, singles: Sequence[Sample], pairs: Sequence[Sample], asked: _Questions, best_Q: Any
    ) -> list[Clip]:
        fields = [asking.field_of(model, port) for port in (self.a, self.b)]
        clips: list[Clip] = []
        for number in [i * len(best_Q) // _SHOWN for i in range(min(_SHOWN, len(best_Q)))]:
            best = int(best_Q[number])
            verdict = "right" if asked.right_QN[number, best] else "wrong"
            clips += [
                Clip(f"sum_{number}_a", singles[int(asked.a_Q[number])].fields[fields[0]], "This"),
                Clip(f"sum_{number}_b", singles[int(asked.b_Q[number])].fields[fields[1]], "plus this"),
                Clip(f"sum_{number}_found", pairs[best].fields[fields[0]], f"finds this: {verdict}"),
            ]
        return clips


def _questions(labels_M: NDArray[np.int64], contents_NC: NDArray[np.bool_], seed: int) -> _Questions:
    rng = np.random.default_rng(seed)
    a, b, rows = [], [], []
    for row, contents_C in enumerate(contents_NC):
        held = rng.permutation(np.flatnonzero(contents_C))
        places = [np.flatnonzero(labels_M == label) for label in held]
        if len(held) == 2 and all(len(each) for each in places):
            a.append(int(rng.choice(places[0])))
            b.append(int(rng.choice(places[1])))
            rows.append(row)
    wanted_QC = contents_NC[rows]
    right_QN = (wanted_QC[:, None, :] == contents_NC[None, :, :]).all(axis=2)
    return _Questions(np.array(a, np.int64), np.array(b, np.int64), right_QN)


def _unit(x_BD: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(x_BD.double().cpu(), dim=1)
