"""Task of hidden words: how many a head names, beside those that two neighbours give away.

Shape legend: B texts, T tokens, M hidden ones, V vocabulary.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import Field

from mmx import Batch, Corpus, Metric, Model, Prediction, Report, Run, UserError, measure
from mmx_std.objectives.language import written
from mmx_std.objectives.masked import Share, hide
from mmx_std.ops.ports import qualify
from mmx_std.ops.tokens.corruption import Hiding, Vocabulary, hidden_key, vocabulary_of
from mmx_std.ops.tokens.exchange import kinds_of
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.texts import simple
from mmx_std.tasks.texts.pairs import Pairs

_COUNTED: Final = 20_000
"""Training texts that words and bigrams are counted over."""
_TOP: Final = 5


class MaskedWords:
    """Judges a head that names hidden words: the share that it puts first.

    The same words are hidden for all who guess, and shown as in training. Baselines: the likeliest word between the two
    true neighbours, by counts of bigrams in the training texts, and the most frequent word; for a model that reads
    something beside the text, ridge regression from that to pairs of neighbouring words. Controls: every other word is
    hidden, too; or, for such a model, each other input removed (`without_NAME`).
    With `kinds`, only their words are hidden and counted, over all kinds and (`masked_accuracy_KIND`) each alone.

    Args:
        head: Head that names hidden words.
        text: Encoder of the text.
        ignored: Words that are not counted, such as punctuation.
        kinds: Words that are hidden and counted, by kind, such as colours; all others are shown. None: all words.
        policy: Tokens at `random`, the pieces of each `whole-word` together, or a `span` of words. Those that are
            trained by `attention-weighted` are judged at random, so that all who guess are asked the same.
        share: Part of the tokens that is hidden.
        most: Hidden tokens of a text.
        margin: What the intervals of the distances to the untrained model, the control and baselines must lie above.
        unit: Target that names the independent unit of an item; where the corpus has no such target, every item is one.
    """

    def __init__(
        self,
        *,
        head: str = "words",
        text: str = "text",
        ignored: Sequence[str] = (),
        kinds: Mapping[str, Sequence[str]] = {},
        policy: Literal["random", "whole-word", "span"] = "random",
        share: Share = 0.15,
        most: Annotated[int, Field(ge=1)] = 20,
        margin: Annotated[float, Field(ge=0)] = 0.0,
        unit: str | None = "group",
    ) -> None:
        self.head, self.text, self.ignored = qualify(head, "heads"), text, tuple(ignored)
        self.kinds = kinds
        self.hiding = Hiding(policy, share, most)
        self.margin, self.unit = margin, unit
        self.needs = (self.head,)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = corpus.split(run.split)
        encoder: Any = model.encoders[self.text]
        words = self._words(encoder)
        names, left_out = encoder.tokenizer.tokens(), {encoder.tokenizer.id_of(word) for word in self.ignored}
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, partial(self._hidden, words=words, seed=run.seed)),
            "untrained": (run.untrained(), partial(self._hidden, words=words, seed=run.seed)),
            **self._controls(model, words, run.seed),
        }
        counts, frequent = self._counts(corpus, encoder, model.fields[self.text], left_out)
        guesses: dict[str, list[int]] = {who: [] for who in (*variants, "bigram", "most_frequent")}
        truth: list[int] = []
        ids: list[str] = []
        beside: list[tuple[int, int]] = []
        every: list[str] = []
        for batch, found in judging.outputs(variants, samples, self.needs, run, "hidden words"):
            every += batch.ids
            hidden = self._hidden(batch, words=words, seed=run.seed).targets[hidden_key(self.text)].cpu()
            counted_M = torch.tensor([word not in left_out for word in hidden[hidden >= 0].tolist()], dtype=torch.bool)
            for who, outputs in found.items():
                guesses[who] += written(outputs, self.head, "logits").argmax(-1).cpu()[counted_M].tolist()
            places = [place for place, keep in zip((hidden >= 0).nonzero().tolist(), counted_M, strict=True) if keep]
            x_BT = batch.inputs[self.text].cpu()
            for row, place in places:
                truth.append(int(x_BT[row, place]))
                ids.append(batch.ids[row])
                right = int(x_BT[row, place + 1]) if place + 1 < x_BT.shape[1] else -1
                beside.append((int(x_BT[row, place - 1]), right))
                guesses["bigram"].append(simple.between(*beside[-1], counts))
                guesses["most_frequent"].append(frequent)
        guesses |= self._pairs(
            model, corpus, judging.judged(samples, every), every, list(zip(ids, beside, strict=True))
        )
        kind_of = kinds_of(self.kinds, encoder.tokenizer)
        return self._report(samples, corpus, run, (every, ids, truth, guesses), names, [kind_of.get(w) for w in truth])

    def _report(
        self,
        samples: Sequence[Any],
        corpus: Corpus,
        run: Run,
        found: tuple[list[str], list[str], list[int], dict[str, list[int]]],
        names: Sequence[str],
        kinds: Sequence[str | None],
    ) -> Report:
        every, ids, truth, guesses = found
        if not truth:
            return Report([], 0, len(samples), notes=["No word of these texts is hidden and counted."])
        target = judging.unit_of(corpus, self.unit)
        units = dict(zip(every, judging.units_of(samples, every, target), strict=True))
        hits = {
            who: [float(guess == true) for guess, true in zip(each, truth, strict=True)]
            for who, each in guesses.items()
        }
        over: dict[str, Any] = {
            "units": [units[name] for name in ids],
            "unit": "items" if target is None else f"values of {target}",
            "seed": run.seed,
        }
        chosen = {"": [True] * len(truth)}
        chosen |= {f"_{kind}": [kind == own for own in kinds] for kind in self.kinds if kind in kinds}
        metrics = [_measured(f"masked_accuracy{suffix}", hits, rows, over) for suffix, rows in chosen.items()]
        rows = [
            {
                "id": name,
                "truth": names[true],
                "predicted": names[guess] if guess < len(names) else "",
                "right": hit > 0,
            }
            for name, true, guess, hit in zip(ids, truth, guesses["own"], hits["own"], strict=True)
        ]
        notes = [f"{len(truth)} hidden words are counted.", *judging.left_out(corpus)]
        return Report(metrics, len(every), len(samples), rows, notes=notes, margin=self.margin)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Name the words that `[MASK]` stands for in a user's own text.

        Raises:
            UserError: The text has no `[MASK]`.
        """
        encoder: Any = model.encoders[self.text]
        field = model.fields[self.text]
        mask = encoder.tokenizer.id_of("[MASK]")
        text = raw.get(field)
        ids_T = encoder.prepare(text) if text is not None else torch.zeros(0, dtype=torch.int64)
        places = (ids_T == mask).nonzero()[:, 0].tolist()
        if not places:
            raise UserError("give a text with [MASK] in it, for each word that is to be named")
        outputs = judging.one_input(model, self.needs, dict(raw))
        names = encoder.tokenizer.tokens()
        p_TV = written(outputs, self.head, "logits").float().softmax(-1).cpu()[:, : len(names)]
        rows = []
        for number, place in enumerate(places, 1):
            best = p_TV[place].topk(min(_TOP, len(names)))
            for rank, (p, word) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True), 1):
                rows.append({"mask": number, "rank": rank, "word": names[word], "probability": p})
        return Prediction(rows)

    def _words(self, encoder: Any) -> Vocabulary:
        """Return what hiding needs to know; with `kinds`, other words are never hidden."""
        words = vocabulary_of(encoder.tokenizer, encoder.token.num_embeddings)
        if not self.kinds:
            return words
        fixed_V = torch.ones_like(words.fixed_V)
        fixed_V[list(kinds_of(self.kinds, encoder.tokenizer))] = False
        return replace(words, fixed_V=fixed_V)

    def _controls(
        self, model: Model, words: Vocabulary, seed: int
    ) -> dict[str, tuple[Model, Callable[[Batch], Batch]]]:
        """Return the model with the other words hidden or, where it reads more than the text, without each of that."""
        hidden = partial(self._hidden, words=words, seed=seed)
        others = judging.used_fields(model, self.needs)
        others.pop(model.fields[self.text], None)
        if not others:
            return {"nothing_else_shown": (model, partial(hidden, alone=True))}

        def removed(batch: Batch, encoders: Sequence[str]) -> Batch:
            return judging.without(hidden(batch), encoders)

        return {f"without_{field}": (model, partial(removed, encoders=each)) for field, each in others.items()}

    def _hidden(self, batch: Batch, *, words: Vocabulary, seed: int, alone: bool = False) -> Batch:
        """Return a batch with words hidden, the same ones at every call; `alone` hides the words beside them, too."""
        generator = torch.Generator().manual_seed(seed)
        found = hide(batch, self.text, self.hiding, words, generator)
        if not alone:
            return found
        ids_BT = found.inputs[self.text]
        marks_BT = words.fixed_V.to(ids_BT.device)[batch.inputs[self.text]]
        shown_BT = torch.where(marks_BT, ids_BT, words.mask)
        return replace(found, inputs={**found.inputs, self.text: shown_BT})

    def _pairs(
        self,
        model: Model,
        corpus: Corpus,
        items: Sequence[Any],
        every: Sequence[str],
        asked: Sequence[tuple[str, tuple[int, int]]],
    ) -> dict[str, list[int]]:
        """Return the words that ridge regression names from the other inputs, where there are any."""
        fields = [field for field in judging.used_fields(model, self.needs) if field != model.fields[self.text]]
        text, encoder = model.fields[self.text], model.encoders[self.text]
        read = [text, *fields]
        train = [
            each for each in baselines.learnable(corpus) if all(each.fields.get(name) is not None for name in read)
        ]
        if not fields or len(train) < 2:
            return {}
        prepare: Any = encoder.prepare
        known = Pairs(train, items, fields, [prepare(each.fields[text]).tolist() for each in train])
        number = {name: place for place, name in enumerate(every)}
        found = [known.between(number[name], *neighbours) for name, neighbours in asked]
        return {"ridge_pairs": [-1 if word is None else word for word in found]}

    def _counts(self, corpus: Corpus, encoder: Any, field: str, left_out: set[Any]) -> tuple[Any, int]:
        """Return counts of bigrams in the training texts, and their most frequent word."""
        train = islice(judging.training(corpus), _COUNTED)
        texts = [encoder.prepare(each.fields[field]).tolist() for each in train if each.fields.get(field) is not None]
        marks = {encoder.tokenizer.id_of(name) for name in ("[CLS]", "[SEP]")} | left_out
        frequency = Counter(word for text in texts for word in text if word not in marks)
        return simple.bigrams(texts), max(frequency, key=lambda word: frequency[word], default=-1)


def _measured(name: str, hits: Mapping[str, Sequence[float]], rows: Sequence[bool], over: Mapping[str, Any]) -> Metric:
    """Return the metric of some of the hidden words."""
    part = {who: [hit if row else math.nan for hit, row in zip(each, rows, strict=True)] for who, each in hits.items()}
    ways: tuple[str, ...] = ("bigram", "most_frequent", "ridge_pairs")
    simply = {way: part.pop(way) for way in ways if way in part}
    own, untrained = part.pop("own"), part.pop("untrained")
    return measure(name, own, untrained=untrained, baselines=simply, controls=part, **over)
