"""Grounding: which region of an image a phrase names, and whether it names any.

Shape legend: B batch, A regions, P phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from mmx import (
    Batch,
    Clip,
    Corpus,
    DataError,
    Figure,
    Model,
    Outputs,
    PortError,
    Prediction,
    Report,
    Run,
    Sample,
    UserError,
    did_you_mean,
    read_image,
)
from mmx_std.ops.grounding import phrases
from mmx_std.ops.grounding.boxes import padded_HWC
from mmx_std.ops.ports import qualify, short
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.grounding import figures, precision, scores
from mmx_std.tasks.grounding.scores import Found, Truth, truth_of
from mmx_std.tasks.grounding.simple import simple

__all__ = ["Grounding"]

_LEARNT: Final = 300
"""Training images that simple methods learn from."""
_ASKED: Final = ("texts", "query")


class Grounding:
    """Judges the regions that a head finds for the phrases of a prompt: recall at 1, 5 and 10, and presence.

    A phrase is found where a box, among the first k that repeat no better one (IoU .6), overlaps its true box by an IoU
    of at least .5 ("any box" where it has several). `presence_auc` is the chance that a phrase that has a box scores
    higher, at its best region, than one that has none. Controls: the image or the prompt removed, or the prompt of
    another image (what then is found are things, but not the ones that were named). Baselines: the mean training box,
    and the window whose colours are most like those expected of the words. Where `pycocotools` is installed, COCO's
    average precision too.

    Args:
        head: Head that gives `boxes` (B, A, 4) in shares of the image and `scores` (B, A, P).
        image: Encoder of the image.
        prompt: Encoder of the prompt.
        boxes: Target with the true boxes, in shares of the image.
        of: Target with the phrase of each box, -1 for none.
        splits: Further splits that are judged in the same way, as `recall_at_1_SPLIT`.
        margin: What the intervals of the distances to the untrained model, controls and baselines must lie above.
        unit: Target that names the independent unit of an item. By default the column `group` of a manifest; where the
            corpus has no such target, or with null, every item is one.
        simple: Judge the baselines too.
        threshold: Score from which `predict` shows a box.
        shown: Images that are shown with their boxes.
    """

    def __init__(
        self,
        *,
        head: str = "regions",
        image: str = "image",
        prompt: str = "prompt",
        boxes: str = "phrase_boxes",
        of: str = "box_phrases",
        splits: Sequence[str] = (),
        margin: Annotated[float, Field(ge=0)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.3,
        shown: Annotated[int, Field(ge=0)] = 6,
    ) -> None:
        self.head, self.image, self.prompt, self.boxes, self.of = qualify(head, "heads"), image, prompt, boxes, of
        self.needs = (self.head, f"encoded.{image}", f"encoded.{prompt}", f"targets.{boxes}", f"targets.{of}")
        self.splits, self.margin, self.unit, self.simple = tuple(splits), margin, unit, simple
        self.threshold, self.shown = threshold, shown

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: one of the splits."""
        return [line for name in (split, *self.splits) for line in judging.lacks(corpus, name)]

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`, and `splits`.

        Raises:
            DataError: No phrase of a split has a box.
        """
        untrained = run.untrained()
        whole = self._judge(model, untrained, corpus, run, run.split, "")
        others = [self._judge(model, untrained, corpus, run, name, f"_{name}") for name in self.splits]
        metrics = [*whole.metrics, *(metric for report in others for metric in report.metrics)]
        shown = [*whole.figures, *(figure for report in others for figure in report.figures)]
        notes = [
            "A phrase counts as found where a box overlaps its true one by an IoU of at least .5. In figures true "
            "boxes are thin and white, those of the model numbered by phrase.",
            *judging.left_out(corpus),
        ]
        return Report(metrics, whole.used, whole.expected, whole.predictions, shown, notes=notes, margin=self.margin)

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> dict[str, Any]:
        """Return the image and the prompt that a user gave: `--texts "a red square. a blue circle."`.

        Raises:
            DataError: The file is no image that can be read.
            UserError: No phrase is given, or something that is not used.
        """
        image, prompt = model.fields[self.image], model.fields[self.prompt]
        for name in extras:
            if name not in (*_ASKED, prompt):
                raise UserError(f"nothing to do with {name!r}{did_you_mean(name, (*_ASKED, prompt))}")
        told = ". ".join(str(extras[name]) for name in (*_ASKED, prompt) if name in extras)
        if not phrases.split(told):
            raise UserError(f'which phrases to look for in {path}? add --texts "a red square. a blue circle."')
        return {image: read_image(path), prompt: phrases.joined(phrases.split(told))}

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Find the boxes of each phrase of a prompt in a user's own image, in its pixels, and draw them."""
        image, prompt = model.fields[self.image], model.fields[self.prompt]
        if not isinstance(raw.get(prompt), str) or raw.get(image) is None:
            raise UserError(f"give an image and the phrases to look for: {image}=FILE {prompt}='a red square.'")
        photo_HWC, asked = raw[image], phrases.split(raw[prompt])
        outputs = judging.one_input(model, self._ports(), {**raw, image: padded_HWC(photo_HWC)})
        height, width = photo_HWC.shape[:2]
        found = _inside(self._found(outputs, [len(asked)])[0], width / max(height, width), height / max(height, width))
        rows: list[dict[str, Any]] = []
        shown, lines = [], []
        for number, phrase in enumerate(asked):
            boxes_K4, scores_K = found.best(number)
            kept = [place for place, score in enumerate(scores_K.tolist()) if score >= self.threshold]
            lines.append(f"{phrase}: {float(scores_K[0]):.2f}{'' if kept else ' (below the threshold)'}")
            if not kept:
                rows.append({"phrase": phrase, "score": float(scores_K[0]), "left": None})
            for place in kept:
                # shares of the square become pixels of the photo, and shares of it
                edges = (boxes_K4[place] * max(height, width)).tolist()
                edges = [min(edge, limit) for edge, limit in zip(edges, (width, height) * 2, strict=True)]
                sides = dict(zip(("left", "top", "right", "bottom"), (round(edge) for edge in edges), strict=True))
                rows.append({"phrase": phrase, "score": float(scores_K[place]), **sides})
                shares = [edge / limit for edge, limit in zip(edges, (width, height) * 2, strict=True)]
                shown.append(figures.Box(shares, number))
        lost = [row["phrase"] for row in rows if row["left"] is None]
        notes = [f"no box scores {self.threshold:g} or more for: {', '.join(lost)}"] if lost else []
        drawn_HWC = figures.drawn(photo_HWC, shown, lines)
        return Prediction(rows, clips=[Clip("boxes", drawn_HWC, "the boxes of each phrase, by number")], notes=notes)

    def _ports(self) -> tuple[str, ...]:
        return (self.head, f"encoded.{self.image}", f"encoded.{self.prompt}")

    def _judge(self, model: Model, untrained: Model, corpus: Corpus, run: Run, split: str, suffix: str) -> Report:
        samples = corpus.split(split)
        ids, found = self._everything(model, untrained, samples, run)
        items = judging.judged(samples, ids)
        truths = [self._truth(model, sample) for sample in items]
        if not any(truth.present for truth in truths):
            raise DataError(f"no phrase of split {split!r} has a box in {self.boxes!r}")
        others = self._simple(model, corpus, items, truths)
        unit = judging.unit_of(corpus, self.unit)
        over = {"unit": "images" if unit is None else f"values of {unit}", "seed": run.seed}
        units = judging.units_of(samples, ids, unit)
        metrics = scores.judged({**found, **others}, truths, list(others), units, over, suffix)
        metrics += precision.measured({**found, **others}, truths, list(others), suffix)
        rows = [
            row
            for sample, truth, each in zip(items, truths, found["own"], strict=True)
            for row in _rows(sample.id, truth, each)
        ]
        shown = [
            _figure(f"boxes{suffix}_{number}", sample.fields[model.fields[self.image]], truth, each)
            for number, (sample, truth, each) in enumerate(zip(items, truths, found["own"], strict=True))
            if number < self.shown
        ]
        return Report(metrics, len(items), len(samples), rows, shown)

    def _everything(
        self, model: Model, untrained: Model, samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], dict[str, list[Found]]]:
        """Return ids, and what is found in each item by who finds it."""
        needs = self._ports()
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, judging.as_it_is),
            "untrained": (untrained, judging.as_it_is),
            "without_image": (model, partial(judging.without, encoders=[self.image])),
            "without_prompt": (model, partial(judging.without, encoders=[self.prompt])),
        }
        ids: list[str] = []
        found: dict[str, list[Found]] = {}
        field = model.fields[self.prompt]
        for batch, outputs in judging.outputs(variants, samples, needs, run, "grounding"):
            ids += batch.ids
            asked = [len(phrases.split(sample.fields[field])) for sample in batch.samples]
            for who, each in outputs.items():
                given = [1] * batch.size if who == "without_prompt" else asked
                found.setdefault(who, []).extend(self._found(each, given))
        readable = judging.judged(samples, ids)
        if len(ids) > 1:
            partners = judging.Chosen(readable, judging.derangement(len(readable), run.seed))
            given = [len(phrases.split(sample.fields[field])) for sample in partners]
            found["shuffled_prompt"] = []
            for _, outputs in judging.swapped(model, readable, needs, [self.prompt], run, "shuffled_prompt"):
                first = len(found["shuffled_prompt"])
                size = len(outputs["shuffled_prompt"].encoded[self.image].pooled_BD)
                asked = given[first : first + size]
                found["shuffled_prompt"] += self._found(outputs["shuffled_prompt"], asked)
        return ids, found

    def _found(self, outputs: Outputs, asked: Sequence[int]) -> list[Found]:
        """Return what the head finds in each item of a batch.

        Raises:
            PortError: It gives no regions.
        """
        given = outputs.heads[short(self.head)]
        if not isinstance(given, Mapping) or not {"boxes", "scores"} <= given.keys():
            raise PortError(f"{self.head} finds no regions; heads that do: glip/regions, std/detector")
        boxes_BA4, scores_BAP = (given[name].detach().float().cpu() for name in ("boxes", "scores"))
        return [Found(*each) for each in zip(boxes_BA4, scores_BAP, asked, strict=True)]

    def _truth(self, model: Model, sample: Sample) -> Truth:
        asked = phrases.split(sample.fields[model.fields[self.prompt]])
        return truth_of(asked, sample.targets[self.boxes], sample.targets[self.of])

    def _simple(
        self, model: Model, corpus: Corpus, items: Sequence[Sample], truths: Sequence[Truth]
    ) -> dict[str, list[Found]]:
        train = baselines.learnable(corpus, _LEARNT) if self.simple else ()
        fields = {"image": model.fields[self.image], "prompt": model.fields[self.prompt]}
        return simple(train, items, truths, {**fields, "boxes": self.boxes, "of": self.of}) if train else {}


def _inside(found: Found, right: float, bottom: float) -> Found:
    """Return what is found, but for regions whose middle lies in the padding: those score nothing."""
    middle_A2 = (found.boxes_A4[:, :2] + found.boxes_A4[:, 2:]) / 2
    there_A = (middle_A2[:, 0] < right) & (middle_A2[:, 1] < bottom)
    return Found(found.boxes_A4, found.scores_AP * there_A[:, None], found.asked)


def _rows(name: str, truth: Truth, found: Found) -> list[dict[str, Any]]:
    """Return a row for each phrase of an image: its best box, its score, and whether that is right."""
    rows = []
    for number, phrase in enumerate(truth.phrases):
        boxes_K4, scores_K = found.best(number, 1)
        there = number in truth.present
        right = bool(scores.hits(found, truth, number, 1).any()) if there else None
        box = [round(edge, 4) for edge in boxes_K4[0].tolist()]
        rows.append(
            {"id": f"{name} {number}", "phrase": phrase, "score": float(scores_K[0]), "box": box, "right": right}
        )
    return rows


def _figure(key: str, image_HWC: Any, truth: Truth, found: Found) -> Figure:
    square_HWC = padded_HWC(image_HWC)
    shown = [figures.Box(edges, int(place), true=True) for edges, place in zip(truth.boxes_N4, truth.of_N, strict=True)]
    lines = []
    for number, phrase in enumerate(truth.phrases):
        boxes_K4, scores_K = found.best(number, 1)
        there = number in truth.present
        if there:
            shown.append(figures.Box(boxes_K4[0].tolist(), number))
        lines.append(f"{phrase}: {float(scores_K[0]):.2f}{'' if there else ' (not there)'}")
    return Figure(key, figures.drawn(square_HWC, shown, lines), "; ".join(truth.phrases))
