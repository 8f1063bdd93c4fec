"""Arithmetic task: an item's vector minus one text plus another finds the items that differ in just that.

Shapes: N items, V values of the changed target, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Clip, Corpus, Metric, Model, Prediction, Report, Run
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import asking, judging, metrics
from mmx_std.tasks.retrieval.judgement import Judgement, Ranked, Recall

__all__ = ["Arithmetic", "Questions", "questions"]

Floats = NDArray[np.float64]
PLACES: Final = (1, 5)
"""k of recall at k."""
_SHOWN: Final = 3
"""Questions whose answers are shown as media."""


@dataclass(frozen=True)
class Questions:
    """One question per item that can be asked one.

    Attributes:
        items_Q: Item that the question begins from.
        to_Q: Value of the changed target that is added.
        right_QN: Items that answer it: the added value, and all else as the item.
        barred_QN: Items that may not answer.
    """

    items_Q: NDArray[np.int64]
    to_Q: NDArray[np.int64]
    right_QN: NDArray[np.bool_]
    barred_QN: NDArray[np.bool_]


class Arithmetic:
    """Judges whether "image - blue + red" finds the image that is red and otherwise the same.

    query = item - w(old) + w(new), with unit vectors of item and texts (Kiros et al., 2014, section 4.2); candidates
    are compared by cosine. Controls: the item alone, texts of another change, and a random direction as long.

    Args:
        classes: The corpus's class names by target.
        items: Fused features of the items, by name or port.
        texts: Fused features of texts.
        change: Target whose value is changed.
        keep: Targets that must stay as they are.
        phrase: Text of a value; `{}` is its name, `{TARGET}` the name of the item's value of a kept target.
        bar: What may not answer: only the `item` itself, or its whole `class`: all items that agree with it in every
            target, as analogies of words bar the words of the question.
        strength: Factor on w(new) - w(old).
        limit: Most items, evenly spread.
        margin: By how much the accuracy must beat chance, the untrained model and the controls.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        items: str,
        texts: str,
        change: str,
        keep: Sequence[str],
        phrase: str = "{}",
        bar: Literal["item", "class"] = "class",
        strength: Annotated[float, Field(gt=0)] = 1.0,
        limit: Annotated[int, Field(ge=2)] = 1000,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.items, self.texts = qualify(items, "fused"), qualify(texts, "fused")
        self.ports = (self.items, self.texts)
        self.change, self.keep = change, tuple(keep)
        self.needs = (*self.ports, *(f"targets.{name}" for name in (change, *keep)))
        self.names = {name: list(class_names(classes, name)) for name in (change, *keep)}
        self.phrase, self.bar, self.strength = phrase, bar, strength
        self.limit, self.margin = limit, margin

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = judging.spread(corpus.split(run.split), self.limit)
        models = {"own": model, "untrained": run.untrained()}
        ids, truths, vectors = self._vectors(models, samples, run)
        asked = questions(truths[self.change], [truths[name] for name in self.keep], self.bar, run.seed)
        if not len(asked.items_Q):
            told = f"No item of {run.split} has another that differs only in {self.change}."
            return Report([], 0, len(samples), notes=[told])
        scores = {name: self._scores(models[name], vectors[name], truths, asked) for name in models}
        scores |= self._controls(model, vectors["own"], truths, asked, run.seed)
        whole, unit = judging.judged(samples, ids), judging.unit_of(corpus, "group")
        units = None if unit is None else judging.units_of(samples, [ids[item] for item in asked.items_Q], unit)
        ranks_Q = metrics.first_ranks(scores["own"], asked.right_QN)
        best_Q = scores["own"].argmax(axis=1)
        return Report(
            self._metrics(scores, asked, units, run.seed),
            used=len(asked.items_Q),
            expected=len(samples),
            predictions=[
                {
                    "id": ids[item],
                    "minus": self._name(self.change, int(truths[self.change][item])),
                    "plus": self._name(self.change, int(new)),
                    "answer": ids[int(best_Q[number])],
                    "rank": float(ranks_Q[number]),
                }
                for number, (item, new) in enumerate(zip(asked.items_Q, asked.to_Q, strict=True))
            ],
            clips=self._clips(model, whole, truths, asked, best_Q),
            notes=[f"{len(asked.items_Q)} questions, each over a gallery of {len(ids)} items."],
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of `predict` for a file or a folder, see `mmx_std.tasks.asking.read_question`."""
        return asking.read_question(model, self.ports, path, extras)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Rank texts for an item, or items for a text."""
        item, text = (asking.field_of(model, port) for port in self.ports)
        if text in raw and isinstance(raw.get(item), list | tuple | asking.Candidates):
            return asking.ranking(model, (self.texts, raw[text]), (self.items, raw[item]))
        known = raw.get(text) or [self._name(self.change, value) for value in range(len(self.names[self.change]))]
        return asking.ranking(model, (self.items, raw[item]), (self.texts, known))

    def _name(self, target: str, value: int) -> str:
        return self.names[target][value]

    def _vectors(
        self, models: Mapping[str, Model], samples: Sequence[Any], run: Run
    ) -> tuple[list[str], dict[str, NDArray[np.int64]], dict[str, Floats]]:
        """Return ids, true values by target (N,), and unit vectors by model (N, D), of items with known values."""
        ids: list[str] = []
        truths: dict[str, list[int]] = {name: [] for name in self.names}
        rows: dict[str, list[torch.Tensor]] = {name: [] for name in models}
        variants = {name: (each, judging.as_it_is) for name, each in models.items()}
        for batch, found in judging.outputs(variants, samples, (self.items,), run, "judging"):
            values = {name: torch.as_tensor(batch.targets[name]).cpu() for name in self.names}
            keep_B = torch.stack([each >= 0 for each in values.values()]).all(dim=0)
            kept = keep_B.nonzero().flatten().tolist()
            ids += [batch.ids[i] for i in kept]
            for name, each in values.items():
                truths[name] += each[keep_B].tolist()
            for name, outputs in found.items():
                rows[name].append(
                    torch.nn.functional.normalize(read(outputs, self.items).double().cpu(), dim=1)[keep_B]
                )
        vectors = {name: torch.cat(parts).numpy() for name, parts in rows.items()}
        return ids, {name: np.array(each, np.int64) for name, each in truths.items()}, vectors

    def _phrases(self, model: Model, truths: Mapping[str, NDArray[np.int64]], items: Any, values: Any) -> Floats:
        """Return unit vectors of the phrases of some items, as if they had other values (Q, D)."""
        texts = []
        for item, value in zip(items, values, strict=True):
            text = self.phrase.replace("{}", self._name(self.change, int(value)))
            for name in self.keep:
                text = text.replace(f"{{{name}}}", self._name(name, int(truths[name][item])))
            texts.append(text)
        unique = list(dict.fromkeys(texts))
        table = asking.embed(model, self.texts, unique).numpy()
        return np.asarray(table[[unique.index(text) for text in texts]])

    def _scores(
        self, model: Model, x_ND: Floats, truths: Mapping[str, NDArray[np.int64]], asked: Questions, shift: int = 0
    ) -> Floats:
        """Return the cosines of every question with every item (Q, N), -inf where an item may not answer.

        Args:
            model: Encodes the phrases.
            x_ND: Unit vectors of the items.
            truths: True values by target.
            asked: The questions.
            shift: Added to both values of the change: the texts of another change.
        """
        count = len(self.names[self.change])
        old_Q, new_Q = ((each + shift) % count for each in (truths[self.change][asked.items_Q], asked.to_Q))
        minus_QD, plus_QD = (self._phrases(model, truths, asked.items_Q, each) for each in (old_Q, new_Q))
        return _cosines(x_ND, x_ND[asked.items_Q] + self.strength * (plus_QD - minus_QD), asked)

    def _controls(
        self, model: Model, x_ND: Floats, truths: Mapping[str, NDArray[np.int64]], asked: Questions, seed: int
    ) -> dict[str, Floats]:
        old_QD = self._phrases(model, truths, asked.items_Q, truths[self.change][asked.items_Q])
        new_QD = self._phrases(model, truths, asked.items_Q, asked.to_Q)
        drawn_QD = np.random.default_rng(seed).standard_normal(old_QD.shape)
        length_Q1 = np.linalg.norm(new_QD - old_QD, axis=1, keepdims=True)
        drawn_QD *= length_Q1 / np.linalg.norm(drawn_QD, axis=1, keepdims=True)
        start_QD = x_ND[asked.items_Q]
        return {
            "item_alone": _cosines(x_ND, start_QD, asked),
            "another_change": self._scores(model, x_ND, truths, asked, shift=1),
            "random_direction": _cosines(x_ND, start_QD + self.strength * drawn_QD, asked),
        }

    @staticmethod
    def _metrics(
        scores: Mapping[str, Floats], asked: Questions, units: Sequence[str] | None, seed: int
    ) -> list[Metric]:
        found = {name: [Ranked(table_QN, asked.right_QN)] for name, table_QN in scores.items()}
        judged = Judgement(
            found["own"],
            found["untrained"],
            asked.items_Q if units is None else units,
            "items" if units is None else "groups",
            seed,
            controls={name: found[name] for name in ("item_alone", "another_change", "random_direction")},
        )
        return [judged.metric(f"arithmetic_at_{k}", Recall(k), chance=_chance(asked, k)) for k in PLACES]

    def _clips(
        self,
        model: Model,
        samples: Sequence[Any],
        truths: Mapping[str, NDArray[np.int64]],
        asked: Questions,
        best_Q: Any,
    ) -> list[Clip]:
        field = asking.field_of(model, self.items)
        clips: list[Clip] = []
        for number in [i * len(best_Q) // _SHOWN for i in range(min(_SHOWN, len(best_Q)))]:
            item, answer = int(asked.items_Q[number]), int(best_Q[number])
            old = self._name(self.change, int(truths[self.change][item]))
            told = f"minus “{old}” plus “{self._name(self.change, int(asked.to_Q[number]))}”"
            verdict = "right" if asked.right_QN[number, answer] else "wrong"
            for key, index, caption in (
                (f"question_{number}", item, told),
                (f"question_{number}_answer", answer, f"Answer to {told}: {verdict}"),
            ):
                value = samples[index].fields[field]
                if not isinstance(value, str | list | tuple):
                    clips.append(Clip(key, value, caption))
        return clips


def questions(
    changed_N: NDArray[np.int64], kept: Sequence[NDArray[np.int64]], bar: Literal["item", "class"], seed: int
) -> Questions:
    """Return one question per item to which there is a right answer; the new value is drawn.

    Args:
        changed_N: Value of the changed target, by item.
        kept: Values of the targets that stay.
        bar: What may not answer, see `Arithmetic`.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    count = len(changed_N)
    alike_NN = np.ones((count, count), dtype=bool)
    for values_N in kept:
        alike_NN &= values_N[:, None] == values_N[None, :]
    items, new = [], []
    for item in range(count):
        there = np.unique(changed_N[alike_NN[item]])
        others = there[there != changed_N[item]]
        if len(others):
            items.append(item)
            new.append(int(rng.choice(others)))
    items_Q, to_Q = np.array(items, np.int64), np.array(new, np.int64)
    right_QN = alike_NN[items_Q] & (changed_N[None, :] == to_Q[:, None])
    own_QN = items_Q[:, None] == np.arange(count)[None, :]
    same_QN = alike_NN[items_Q] & (changed_N[None, :] == changed_N[items_Q][:, None])
    return Questions(items_Q, to_Q, right_QN, own_QN if bar == "item" else own_QN | same_QN)


def _cosines(x_ND: Floats, query_QD: Floats, asked: Questions) -> Floats:
    query_QD = query_QD / np.maximum(np.linalg.norm(query_QD, axis=1, keepdims=True), 1e-12)
    return np.where(asked.barred_QN, -np.inf, query_QD @ x_ND.T)


def _chance(asked: Questions, k: int) -> float:
    """Return the chance that one of k answers, drawn without replacement from those that may answer, is right."""
    open_Q = (~asked.barred_QN).sum(axis=1)
    none_Q = np.ones(len(open_Q))
    for drawn in range(k):
        none_Q *= np.clip((open_Q - asked.right_QN.sum(axis=1) - drawn) / np.maximum(open_Q - drawn, 1), 0, 1)
    return float((1 - none_Q).mean())
