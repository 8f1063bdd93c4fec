"""Task of language models: how likely true texts are to a head that writes, beside counts of words and of their pairs.

Shape legend: B texts, T tokens after the start, V vocabulary.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from typing import Annotated, Any, Final

import torch
from pydantic import Field
from torch.nn import functional

from mmx import Batch, Corpus, DataError, Model, Outputs, Prediction, Report, Run, measure
from mmx_std.objectives.language import following, written
from mmx_std.ops.ports import qualify
from mmx_std.tasks import judging
from mmx_std.tasks.texts import simple

__all__ = ["LanguageModel", "costs", "perplexity"]

_COUNTED: Final = 20_000
"""Training texts that words and bigrams are counted over."""


class LanguageModel:
    """Judges a head that writes about nothing (`std/decoder` with `reads: null`): the perplexity of true texts.

    Control: the words of each text in random order. Baselines: each word by its frequency in the training texts, and by
    counts of bigrams that fall back to it (Witten and Bell, 1991).

    Args:
        head: Head that writes.
        text: Encoder of the true texts.
        margin: What the intervals of the distances to the untrained model, control and baselines must lie above.
        unit: Target that names the independent unit of an item; where the corpus has no such target, every item is one.
    """

    def __init__(
        self,
        *,
        head: str = "words",
        text: str = "target",
        margin: Annotated[float, Field(ge=0)] = 0.0,
        unit: str | None = "group",
    ) -> None:
        self.head, self.text, self.margin, self.unit = qualify(head, "heads"), text, margin, unit
        self.needs = (self.head, f"encoded.{text}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or true texts in it."""
        return judging.lacks_texts(model, corpus, split, self.text)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`.

        Raises:
            DataError: No item of it has a true text.
        """
        samples, field = corpus.split(run.split), model.fields[self.text]
        encoder: Any = model.encoders[self.text]
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, judging.as_it_is),
            "untrained": (run.untrained(), judging.as_it_is),
            "words_shuffled": (model, partial(self._shuffled, seed=run.seed)),
        }
        ids: list[str] = []
        found: dict[str, list[tuple[float, float]]] = {who: [] for who in variants}
        for batch, outputs in judging.outputs(variants, samples, self.needs, run, "reading"):
            ids += batch.ids
            for who, each in outputs.items():
                found[who] += costs(each, self.head, self.text)
        items = judging.judged(samples, ids)
        kept = [place for place, each in enumerate(items) if isinstance(each.fields.get(field), str)]
        if not kept:
            raise DataError(f"no item of split {run.split!r} has a text in {field!r}")
        texts = [encoder.prepare(items[place].fields[field]).tolist() for place in kept]
        names = [ids[place] for place in kept]
        unit = judging.unit_of(corpus, self.unit)
        own = [found["own"][place] for place in kept]
        metric = measure(
            "perplexity",
            own,
            statistic=perplexity,
            better="lower",
            chance=float(encoder.tokenizer.size),
            untrained=[found["untrained"][place] for place in kept],
            baselines=self._counted(corpus, encoder, field, texts),
            controls={"words_shuffled": [found["words_shuffled"][place] for place in kept]},
            units=judging.units_of(samples, names, unit),
            unit="items" if unit is None else f"values of {unit}",
            seed=run.seed,
        )
        rows = [
            {"id": name, "negative_log_probability": cost, "tokens": int(count)}
            for name, (cost, count) in zip(names, own, strict=True)
        ]
        return Report([metric], len(kept), len(samples), rows, notes=judging.left_out(corpus), margin=self.margin)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Tell how likely a user's own text is, and the text that the head writes by itself."""
        outputs = judging.one_input(model, self.needs, dict(raw))
        ((cost, count),) = costs(outputs, self.head, self.text)
        head: Any = model.heads[self.head.partition(".")[2]]
        encoder: Any = model.encoders[self.text]
        with torch.inference_mode():
            done = head.generate({**outputs.encoded, **outputs.fused})
        likeliest = encoder.tokenizer.decode(number for number in done.ids_BT[0].tolist() if number >= 0)
        return Prediction(
            [{"log_probability": -cost, "perplexity": math.exp(cost / max(1.0, count)), "likeliest_text": likeliest}]
        )

    def _shuffled(self, batch: Batch, *, seed: int) -> Batch:
        """Return a batch with the words between the marks of each text in random order."""
        generator = torch.Generator().manual_seed(seed)
        x_BT = batch.inputs[self.text].clone()
        mask_BT = batch.masks.get(self.text)
        for row, x_T in enumerate(x_BT):
            length = len(x_T) if mask_BT is None else int(mask_BT[row].sum())
            order = 1 + torch.randperm(max(0, length - 2), generator=generator)
            x_T[1 : 1 + len(order)] = x_T[order.to(x_T.device)].clone()
        return replace(batch, inputs={**batch.inputs, self.text: x_BT})

    def _counted(
        self, corpus: Corpus, encoder: Any, field: str, texts: Sequence[Sequence[int]]
    ) -> dict[str, list[tuple[float, float]]]:
        """Return the costs of texts by frequencies of words and by bigrams; none without training texts."""
        train = islice(judging.training(corpus), _COUNTED)
        known = [encoder.prepare(each.fields[field]).tolist() for each in train if each.fields.get(field) is not None]
        if not known:
            return {}
        after, _ = simple.bigrams(known)
        words = Counter(word for text in known for word in text[1:])
        total, size = words.total(), int(encoder.tokenizer.size)

        def alone(word: int) -> float:
            return (words[word] + 1) / (total + size)

        def paired(before: int, word: int) -> float:
            seen = after.get(before, Counter[int]())
            return (seen[word] + len(seen) * alone(word)) / (seen.total() + len(seen)) if seen else alone(word)

        def cost(text: Sequence[int], p: Callable[[int, int], float]) -> tuple[float, float]:
            return -sum(math.log(p(*each)) for each in pairwise(text)), float(len(text) - 1)

        return {
            "unigram": [cost(text, lambda _, word: alone(word)) for text in texts],
            "bigram": [cost(text, paired) for text in texts],
        }


def costs(outputs: Outputs, head: str, text: str) -> list[tuple[float, float]]:
    """Return the negative log-probability of each true text, and its number of tokens, the end included.

    Args:
        outputs: Of a batch.
        head: Port of the head that writes.
        text: Encoder of the true texts.
    """
    logits_BTV = written(outputs, head, "logits").float()
    truth_BT, real_BT = following(outputs, f"encoded.{text}")
    each_BT = functional.cross_entropy(logits_BTV.transpose(1, 2), truth_BT, reduction="none")
    total_B = torch.where(real_BT, each_BT, 0.0).sum(1)
    return list(zip(total_B.tolist(), real_BT.sum(1).double().tolist(), strict=True))


def perplexity(rows_N2: Any) -> float:
    """Return exp(sum of negative log-probabilities / sum of tokens), of rows (cost, tokens)."""
    return math.exp(min(700.0, float(rows_N2[:, 0].sum()) / max(1.0, float(rows_N2[:, 1].sum()))))
