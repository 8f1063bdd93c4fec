"""Task of texts that a head writes about another text: exact match, BLEU, perplexity.

Shape legend: N items, B batch, T words, P places that are attended to, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import (
    Batch,
    Clip,
    Corpus,
    DataError,
    Features,
    Figure,
    Metric,
    Model,
    Outputs,
    Prediction,
    Report,
    Run,
    Sample,
    measure,
)
from mmx_std.ops.ports import qualify, short
from mmx_std.tasks import baselines, judging, plots, sentences
from mmx_std.tasks.captions import figures, writing
from mmx_std.tasks.captions.scores import Caption, exact
from mmx_std.tasks.texts import simple
from mmx_std.tasks.texts.language import costs, perplexity

Floats = NDArray[np.float64]

_LEARNT: Final = 4000
"""Training pairs that the simple methods learn from, evenly spread."""


class Text:
    """Judges texts that a head writes about a text: exact match, BLEU-4, perplexity of the true text.

    Controls: the input removed, the input of another item, the encoder's output set to zero. Baselines: word for word
    by a dictionary that is learned from the training pairs (model 1 of Brown et al., 1993), and the text of the
    training pair whose source shares most words.

    Args:
        head: Head that writes.
        text: Encoder of the true texts.
        beam: Hypotheses that are kept of each text; 1 is greedy.
        length_penalty: Hypotheses are ranked by log-probability / length to this power, see `length_offset`.
        length_offset: o of the length (o + n) / (o + 1); 5 as Wu et al., 2016.
        split: Split that is judged in place of the run's.
        also: Other splits that are judged too, where the corpus has them: metrics `exact_SPLIT` and `bleu_4_SPLIT`.
        margin: What the intervals of the distances to the untrained model, controls and baselines must lie above.
        unit: Target that names the independent unit of an item; where the corpus has no such target, every item is one.
        simple: Judge the baselines too.
        shown: Items whose words are shown with where the model looked.
    """

    def __init__(
        self,
        *,
        head: str = "words",
        text: str = "target",
        beam: Annotated[int, Field(ge=1)] = 1,
        length_penalty: Annotated[float, Field(ge=0)] = 1.0,
        length_offset: Annotated[float, Field(ge=0)] = 0.0,
        split: str | None = None,
        also: Sequence[str] = (),
        margin: Annotated[float, Field(ge=0)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
        shown: Annotated[int, Field(ge=0)] = 3,
    ) -> None:
        self.head, self.text = qualify(head, "heads"), text
        self.knobs = {"beam": beam, "length_penalty": length_penalty, "length_offset": length_offset}
        self.split, self.also, self.margin, self.unit, self.simple, self.shown = (
            split,
            tuple(also),
            margin,
            unit,
            simple,
            shown,
        )
        self.needs = (self.head, f"encoded.{text}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or true texts in it."""
        return judging.lacks_texts(model, corpus, self.split or split, self.text)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split` (or `split`), and others.

        Raises:
            DataError: No item of it has a true text.
        """
        judged = self.split or run.split
        found = _Judged(self, model, corpus, run, judged, whole=True)
        metrics = found.metrics("")
        for split in self.also:
            if split != judged and not judging.lacks(corpus, split):
                metrics += _Judged(self, model, corpus, run, split, whole=False).metrics(f"_{split}")
        pairs = list(zip(found.items, found.captions["own"], strict=True))
        return Report(
            metrics,
            used=len(found.items),
            expected=found.expected,
            predictions=[
                {"id": item.id, "predicted": each.text, "reference": true, "log_probability": each.log_p}
                for (item, each), true in zip(pairs, found.truth, strict=True)
            ],
            figures=[
                Figure(f"attention_{number}", drawn, f"Written: {each.text}. True: {found.truth[number]}.")
                for number, (item, each) in enumerate(pairs[: self.shown])
                if (drawn := self._looks(model, item.fields, each)) is not None
            ],
            notes=judging.left_out(corpus),
            margin=self.margin,
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Write about a user's own text, and show what was attended to at each word."""
        head = writing.writer(model, self.head)
        outputs = judging.one_input(model, (head.reads,), dict(raw))
        done = self.written(model, outputs)[0]
        drawn = self._looks(model, raw, done)
        told = "what the model attended to when it wrote each word"
        clips = [] if drawn is None else [Clip("attention", figures.pixels(drawn), told)]
        return Prediction([{"text": done.text, "log_probability": done.log_p}], clips=clips)

    def written(self, model: Model, outputs: Outputs) -> list[Caption]:
        """Return what is written about each item of a batch."""
        return writing.written(model, self.head, self.text, outputs, **self.knobs)

    def _looks(self, model: Model, fields: Mapping[str, Any], done: Caption) -> Any:
        """Return a figure of attention: a row for each word that was written; None without tokens to name."""
        encoder: Any = model.encoders[model.plan((writing.writer(model, self.head).reads,)).encoders[0]]
        name = model.fields[model.plan((writing.writer(model, self.head).reads,)).encoders[0]]
        tokenizer = getattr(encoder, "tokenizer", None)
        if done.maps_TP is None or tokenizer is None or fields.get(name) is None or not done.words:
            return None
        every = tokenizer.tokens()
        read = [every[number] for number in encoder.prepare(fields[name]).tolist()]
        figure = plots.canvas(1.5 + 0.45 * len(read), 1.2 + 0.3 * len(done.words))
        axes = figure.add_subplot()
        axes.imshow(done.maps_TP[:, : len(read)], cmap="magma", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(read)), [figures.plain(word) for word in read], rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(len(done.words)), [figures.plain(word) for word in done.words], fontsize=8)
        return figure


class _Judged:
    """What is written about the items of a split, by who wrote it, beside the true texts.

    Attributes:
        items: Samples with a true text that could be read.
        expected: How many samples the split has.
        truth: Their true texts.
        captions: Who wrote -> what is written about each item.
        costs: Who wrote -> negative log-probability and number of tokens of each true text (N, 2).
    """

    def __init__(self, task: Text, model: Model, corpus: Corpus, run: Run, split: str, *, whole: bool) -> None:
        self.task, self.model, self.corpus, self.run = task, model, corpus, run
        samples = corpus.split(split)
        self.expected = len(samples)
        field = model.fields[task.text]
        self.captions: dict[str, list[Caption]] = {}
        self._costs: dict[str, list[tuple[float, float]]] = {}
        ids = self._write(samples, whole)
        readable = judging.judged(samples, ids)
        self.kept = [place for place, each in enumerate(readable) if isinstance(each.fields.get(field), str)]
        if not self.kept:
            raise DataError(f"no item of split {split!r} has a text in {field!r}")
        self.items = [readable[place] for place in self.kept]
        self.truth = [str(each.fields[field]) for each in self.items]
        self.captions = {who: [each[place] for place in self.kept] for who, each in self.captions.items()}
        self.costs = {who: np.array(each)[self.kept] for who, each in self._costs.items()}
        self.units = judging.units_of(samples, [each.id for each in self.items], judging.unit_of(corpus, task.unit))

    def metrics(self, suffix: str) -> list[Metric]:
        """Return exact match, BLEU-4 and perplexity; the last only for names without a suffix."""
        texts = {who: [each.text for each in said] for who, said in self.captions.items()}
        guesses = self._baselines() if self.task.simple else {}
        truth = [[each] for each in self.truth]
        over: dict[str, Any] = {"units": self.units, "unit": "items", "seed": self.run.seed}
        if (unit := judging.unit_of(self.corpus, self.task.unit)) is not None:
            over["unit"] = f"values of {unit}"

        def beside(score: Callable[[Sequence[str]], Any]) -> dict[str, Any]:
            controls = {who: score(said) for who, said in texts.items() if who not in ("own", "untrained")}
            simple_ones = {who: score(said) for who, said in guesses.items()}
            return {"untrained": score(texts["untrained"]), "baselines": simple_ones, "controls": controls}

        right = partial(exact, references=truth)
        bleu = partial(sentences.bleu, references=truth)
        found = [
            measure(f"exact{suffix}", right(texts["own"]), **beside(right), **over),
            Metric(f"bleu_4{suffix}", bleu(texts["own"]), **beside(bleu)),
        ]
        return found if suffix else [*found, self._perplexity(over)]

    def _perplexity(self, over: Mapping[str, Any]) -> Metric:
        others = {who: cost for who, cost in self.costs.items() if who not in ("own", "untrained")}
        return measure(
            "perplexity",
            self.costs["own"],
            statistic=perplexity,
            better="lower",
            untrained=self.costs["untrained"],
            controls=others,
            **over,
        )

    def _write(self, samples: Sequence[Sample], whole: bool) -> list[str]:
        """Write about every sample, as itself and (where `whole`) as the controls; return the ids."""
        task, model, run = self.task, self.model, self.run
        reads = writing.writer(model, task.head).reads
        needs = (*task.needs, reads)
        fields = judging.used_fields(model, (reads,))
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, judging.as_it_is),
            "untrained": (run.untrained(), judging.as_it_is),
        }
        for field, encoders in fields.items() if whole else ():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        ids: list[str] = []
        for batch, found in judging.outputs(variants, samples, needs, run, "writing"):
            ids += batch.ids
            for who, outputs in found.items():
                self._note(who, variants[who][0], outputs)
            if whole:
                self._note("zeroed_encoder", model, _zeroed(found["own"], reads), cost=False)
        readable = judging.judged(samples, ids)
        for field, encoders in fields.items() if whole and len(ids) > 1 else ():
            name = f"shuffled_{field}"
            for _, found in judging.swapped(model, readable, needs, encoders, run, name):
                self._note(name, model, found[name])
        return ids

    def _note(self, who: str, model: Model, outputs: Outputs, *, cost: bool = True) -> None:
        self.captions.setdefault(who, []).extend(self.task.written(model, outputs))
        if cost:
            self._costs.setdefault(who, []).extend(costs(outputs, self.task.head, self.task.text))

    def _baselines(self) -> dict[str, list[str]]:
        """Return what simple methods write, by method; none where the input is not one text."""
        fields = list(judging.used_fields(self.model, (writing.writer(self.model, self.task.head).reads,)))
        target = self.model.fields[self.task.text]
        train = [
            each
            for each in baselines.learnable(self.corpus, _LEARNT)
            if len(fields) == 1 and all(isinstance(each.fields.get(name), str) for name in (fields[0], target))
        ]
        if not train:
            return {}
        known = [sentences.words(each.fields[fields[0]]) for each in train]
        asked = [sentences.words(str(each.fields.get(fields[0]) or "")) for each in self.items]
        table = simple.dictionary(known, [sentences.words(each.fields[target]) for each in train])
        return {
            "word_for_word": [simple.word_for_word(words, table) for words in asked],
            "nearest_pair": [str(train[place].fields[target]) for place in simple.nearest(asked, known)],
        }


def _zeroed(outputs: Outputs, port: str) -> Outputs:
    """Return outputs in which the features at a port are zeros."""

    def zeros(found: Features) -> Features:
        tokens = None if found.tokens_BTD is None else torch.zeros_like(found.tokens_BTD)
        return replace(found, pooled_BD=torch.zeros_like(found.pooled_BD), tokens_BTD=tokens)

    kind, name = port.split(".")[0], short(port)
    table = outputs.encoded if kind == "encoded" else outputs.fused
    return replace(outputs, **{kind: {**table, name: zeros(table[name])}})
