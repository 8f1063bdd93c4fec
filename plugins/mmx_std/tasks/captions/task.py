"""Captions of images (or of anything with places): what a head writes, judged against what people wrote.

Shape legend: B batch, T words, C channels, H height, W width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field

from mmx import Batch, Clip, Corpus, DataError, Figure, Model, Outputs, Prediction, Report, Run, Sample
from mmx_std.ops.ports import class_names, qualify
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.captions import figures, scores
from mmx_std.tasks.captions.scores import Caption, Things
from mmx_std.tasks.captions.writing import writer, written

_COUNTED: Final = 2000
"""Training captions among which the most frequent one is looked for."""


class Captions:
    """Judges the texts that a head writes: recall of things, ROUGE-L, exact match, CIDEr-D, BLEU-1 to 4, pointing.

    Controls: the input removed, the input of another item, and every place looked at alike (for heads with attention).
    Baselines: the most frequent caption of training, and the captions of the nearest training inputs by cheap
    statistics. CIDEr-D has the scale of the reference implementation, 0 to 10.

    Args:
        classes: The corpus's class names by target.
        head: Head that writes.
        caption: Encoder of the true captions.
        things: Target with the class of the thing that an item shows, or of several (-1 = none); their names are
            looked for in captions.
        names: Target whose class names they are; by default `things` itself.
        cells: Target with the cell of each thing, row by row (-1 = none); where a model looked is compared with it.
        grid: Cells in a row.
        beam: Hypotheses that are kept of each caption; 1 is greedy.
        length_penalty: Hypotheses are ranked by log-probability / length to this power.
        margin: What the intervals of the distances to the untrained model, controls and baselines must lie above.
        unit: Target that names the independent unit of an item. By default the column `group` of a manifest; where the
            corpus has no such target, or with null, every item is one.
        simple: Judge the baselines too.
        shown: Items whose captions are shown with where the model looked.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "words",
        caption: str = "caption",
        things: str | None = None,
        names: str | None = None,
        cells: str | None = None,
        grid: Annotated[int, Field(ge=1)] = 3,
        beam: Annotated[int, Field(ge=1)] = 1,
        length_penalty: Annotated[float, Field(ge=0)] = 1.0,
        margin: Annotated[float, Field(ge=0)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
        shown: Annotated[int, Field(ge=0)] = 6,
    ) -> None:
        self.head, self.caption = qualify(head, "heads"), caption
        self.things, self.cells, self.grid = things, cells, grid
        self.called = () if things is None else tuple(class_names(classes, names or things))
        self.knobs = {"beam": beam, "length_penalty": length_penalty}
        self.margin, self.unit, self.simple, self.shown = margin, unit, simple, shown
        known = [f"targets.{name}" for name in (things, cells) if name is not None]
        self.needs = (self.head, f"encoded.{caption}", *known)

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or captions in it."""
        return judging.lacks_texts(model, corpus, split, self.caption, "caption")

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`.

        Raises:
            DataError: No item of it has a caption.
        """
        samples = corpus.split(run.split)
        field = model.fields[self.caption]
        ids, written = self._everything(model, samples, run)
        items = [sample for sample in judging.judged(samples, ids) if isinstance(sample.fields.get(field), str)]
        if not items:
            raise DataError(f"no item of split {run.split!r} has a caption in {field!r}")
        kept = {sample.id for sample in items}
        written = {
            who: [each for name, each in zip(ids, captions, strict=True) if name in kept]
            for who, captions in written.items()
        }
        references = [[str(sample.fields[field])] for sample in items]
        texts = {who: [each.text for each in captions] for who, captions in written.items()}
        simple = self._simple(model, corpus, items)
        unit = judging.unit_of(corpus, self.unit)
        over = {
            "units": judging.units_of(samples, [sample.id for sample in items], unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "seed": run.seed,
        }
        things = self._things(items)
        found = list(scores.metrics({**texts, **simple}, references, things, list(simple), over))
        looked = None if things is None else scores.pointing(written["own"], things, over)
        found = found if looked is None else [found[0], looked, *found[1:]]
        return Report(
            found,
            used=len(items),
            expected=len(samples),
            predictions=[
                {"id": sample.id, "predicted": each.text, "reference": true[0], "log_probability": each.log_p}
                for sample, each, true in zip(items, written["own"], references, strict=True)
            ],
            figures=[
                self._figure(model, number, *each)
                for number, each in enumerate(zip(items, written["own"], references, strict=True))
                if number < self.shown
            ],
            notes=["CIDEr-D is on the scale of the reference implementation, 0 to 10.", *judging.left_out(corpus)],
            margin=self.margin,
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Write a caption of a user's own image, and show where the model looked at each word."""
        head = writer(model, self.head)
        outputs = judging.one_input(model, (head.reads,), dict(raw))
        caption = self._written(model, outputs)[0]
        encoder = model.plan((head.reads,)).encoders[0]
        image = _shown(model.encoders[encoder], raw.get(model.fields[encoder]))
        looked = "the image, and what the model looked at when it wrote each word"
        clips = [] if image is None else [Clip("attention", figures.pixels(figures.strip(image, caption)), looked)]
        return Prediction([{"caption": caption.text, "log_probability": caption.log_p}], clips=clips)

    def _everything(
        self, model: Model, samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], dict[str, list[Caption]]]:
        """Return ids, and the captions of each item by who wrote them."""
        head = writer(model, self.head)
        needs = (head.reads,)
        fields = judging.used_fields(model, needs)
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, judging.as_it_is),
            "untrained": (run.untrained(), judging.as_it_is),
        }
        for field, encoders in fields.items():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        ids: list[str] = []
        written: dict[str, list[Caption]] = {}
        for batch, found in judging.outputs(variants, samples, needs, run, "captioning"):
            ids += batch.ids
            for who, outputs in found.items():
                written.setdefault(who, []).extend(self._written(variants[who][0], outputs))
            if getattr(head, "attention", None) == "soft":
                alike = self._written(model, found["own"], attention="uniform")
                written.setdefault("uniform_attention", []).extend(alike)
        readable = judging.judged(samples, ids)
        for field, encoders in fields.items() if len(ids) > 1 else ():
            name = f"shuffled_{field}"
            for _, found in judging.swapped(model, readable, needs, encoders, run, name):
                written.setdefault(name, []).extend(self._written(model, found[name]))
        return ids, written

    def _written(self, model: Model, outputs: Outputs, **knobs: Any) -> list[Caption]:
        """Return a caption of each item of a batch."""
        return written(model, self.head, self.caption, outputs, **self.knobs, **knobs)

    def _things(self, items: Sequence[Sample]) -> Things | None:
        """Return what the images show; None where no target tells."""
        if self.things is None:
            return None
        classes = [np.atleast_1d(sample.targets[self.things]).astype(int) for sample in items]
        names = [[self.called[number] for number in several if number >= 0] for several in classes]
        if self.cells is None:
            return Things(names, grid=self.grid)
        places = [np.atleast_1d(sample.targets[self.cells]).astype(int) for sample in items]
        cells = [
            [int(cell) for number, cell in zip(several, where, strict=True) if number >= 0]
            for several, where in zip(classes, places, strict=True)
        ]
        return Things(names, cells, self.grid)

    def _simple(self, model: Model, corpus: Corpus, items: Sequence[Sample]) -> dict[str, list[str]]:
        """Return the captions that simple methods choose from those of training, by method."""
        field = model.fields[self.caption]
        train = [each for each in baselines.learnable(corpus) if isinstance(each.fields.get(field), str)]
        if not self.simple or not train:
            return {}
        texts = [str(sample.fields[field]) for sample in train]
        found = {"most_frequent_caption": [Counter(texts[:_COUNTED]).most_common(1)[0][0]] * len(items)}
        fields = list(judging.used_fields(model, (writer(model, self.head).reads,)))
        for kind, (train_MD, test_ND) in baselines.of_samples(train, items, fields).items():
            scale_D = train_MD.std(0) + 1e-9
            a_MD, b_ND = train_MD / scale_D, test_ND / scale_D
            far_NM = (a_MD**2).sum(1)[None] - 2 * b_ND @ a_MD.T  # without the term that is the same for all M
            found[f"nearest_caption_{kind}"] = [texts[place] for place in far_NM.argmin(1)]
        return found

    def _figure(self, model: Model, number: int, sample: Sample, caption: Caption, true: Sequence[str]) -> Figure:
        encoder = model.plan((writer(model, self.head).reads,)).encoders[0]
        image = _shown(model.encoders[encoder], sample.fields.get(model.fields[encoder]))
        blank = np.zeros((8, 8, 3), np.uint8)
        drawn = figures.strip(blank if image is None else image, caption)
        return Figure(f"attention_{number}", drawn, f"Written: {caption.text}. True: {true[0]}.")


def _shown(encoder: Any, raw: Any) -> np.ndarray | None:
    """Return an image as its encoder takes it, uint8 (H, W, 3); None where the input is none."""
    if raw is None:
        return None
    seen_CHW = encoder.prepare(raw)
    if seen_CHW.dtype != torch.uint8 or seen_CHW.ndim != 3 or seen_CHW.shape[0] != 3:
        return None
    return np.asarray(seen_CHW.permute(1, 2, 0).cpu().numpy())
