"""Evaluation of captions of moments (TVC of the paper). Shapes: B videos, K captions of a video, N captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mmx import Batch, Corpus, Cue, DataError, Features, Metric, PaperValue, Prediction, Report, Sample, measure
from mmx_hero.evaluation.reading import CHANGES, encoded, fuser_of, variants
from mmx_hero.model import rows
from mmx_hero.model.words import Words
from mmx_std import judging, sentences, tokenizers

if TYPE_CHECKING:
    from mmx import Model, Run

Counted = Callable[[Sequence[str], Sequence[Sequence[str]]], NDArray[np.float64]]
MEASURES: Final[Mapping[str, tuple[Counted, Callable[[Any], float] | None]]] = {
    "cider": (sentences.cider_each, None),
    "bleu_4": (sentences.bleu_counts, sentences.bleu_of),
    "rouge_l": (sentences.rouge_each, None),
}
"""Name -> what each caption adds (N, ...), and what sums that up (None: the mean)."""
_COUNTED: Final = 2000
PAPER: Final = {
    "cider": PaperValue(0.4362, "TVC val, without pre-training"),
    "bleu_4": PaperValue(0.1075, "TVC val, without pre-training"),
}


class Captions:
    """Evaluate captions of moments by CIDEr-D, BLEU-4, ROUGE-L, and METEOR where its program is.

    Values are those of the reference implementations, of which papers print a hundredfold; in CIDEr-D that contains
    the factor 10 of its definition, so that a perfect caption scores about 10 and a table shows 1000. Controls are the
    trained model with an input removed or shuffled, and the most frequent caption of training for every moment.

    Args:
        head: Head with a decoder.
        captions: Encoder of the captions.
        tokens: Longest caption.
        start: Token that captions begin with.
        end: Token that ends a caption.
        margin: Lead in CIDEr-D that counts as learned.
    """

    def __init__(
        self,
        head: str = "words",
        *,
        captions: str = "captions",
        tokens: Annotated[int, Field(ge=1)] = 30,
        start: Annotated[int, Field(ge=0)] = tokenizers.SEP,
        end: Annotated[int, Field(ge=0)] = tokenizers.SEP,
        margin: Annotated[float, Field(ge=0)] = 0.5,
    ) -> None:
        self.head, self.captions, self.tokens, self.start, self.end = head, captions, tokens, start, end
        self.margin = margin
        self.needs = ("fused.words", "fused.clips", f"encoded.{captions}")

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Evaluate the model on the run's split.

        Raises:
            DataError: The split has no caption.
        """
        samples = list(corpus.split(run.split))
        ids, spans, written = self._written(model.eval(), run.untrained().eval(), samples, run)
        field = model.fields[self.captions]
        known = judging.judged(samples, ids)
        most = int(getattr(model.encoders[self.captions], "lines", 1))
        truth = [[cue.text] for sample in known for cue in (sample.fields.get(field) or ())[:most]]
        if not truth:
            raise DataError(f"no sample of split {run.split!r} has captions")
        constant = [self._most_frequent(corpus, field)] * len(truth)
        perfect = [each[0] for each in truth]
        judged = {**written, "constant_caption": constant, "perfect": perfect}
        metrics = [self._metric(name, judged, truth, [where for where, _ in spans], run.seed) for name in MEASURES]
        programs = {who: sentences.meteor(texts, truth) for who, texts in judged.items()}
        if (own := programs.pop("own")) is not None:  # METEOR's program tells one number of all captions
            values = {who: float(value or 0.0) for who, value in programs.items()}
            untrained, best = values.pop("untrained"), values.pop("perfect")
            metrics.append(Metric("meteor", own, untrained=untrained, controls=values, references={"perfect": best}))
        predictions = [
            {"id": f"{where[0]}#{where[1]}", "predicted": mine, "reference": theirs[0]}
            for where, mine, theirs in zip(spans, written["own"], truth, strict=True)
        ]
        note = "CIDEr-D is on the reference implementation's scale, 0 to 10: a table of a paper shows it times 100."
        return Report(
            metrics=metrics,
            used=len(ids),
            expected=len(samples),
            predictions=predictions,
            notes=[note, *judging.left_out(corpus)],
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a video, the subtitles beside it, and the moments to caption.

        Args:
            model: The model.
            path: A video.
            extras: `captions`: a file of subtitles whose times are the moments; else each subtitle's own time.

        Raises:
            DataError: A file cannot be read.
        """
        from mmx import read_cues, read_video, subtitles_beside

        fuser = fuser_of(model)
        subtitles = subtitles_beside(path)
        cues = () if subtitles is None else read_cues(subtitles)
        moments = read_cues(extras["captions"]) if "captions" in extras else cues
        return {
            model.fields[fuser.frames]: read_video(path),
            model.fields[fuser.subtitles]: cues,
            model.fields[self.captions]: moments,
        }

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Caption each moment of a user's video.

        Args:
            model: In evaluation mode.
            raw: See `read`; without moments, one caption for the whole video.

        Raises:
            DataError: There is no video.
        """
        fuser, field = fuser_of(model), model.fields[self.captions]
        frames = model.fields[fuser.frames]
        if raw.get(frames) is None:
            raise DataError("give a video; its subtitles are looked for beside it")
        moments = tuple(raw.get(field) or (Cue(0.0, float(raw[frames].seconds), ""),))
        values = {model.fields[fuser.subtitles]: (), **raw, field: moments}
        batch = model.eval().prepare([Sample("video", values)], [fuser.frames, fuser.subtitles, self.captions])
        with torch.inference_mode():
            batch = encoded(model, batch.to(model.device))
            texts = self._texts(model, batch)[0]
        return Prediction(
            [
                {"start": round(cue.start, 2), "end": round(cue.end, 2), "caption": text}
                for cue, text in zip(moments, texts, strict=False)
            ]
        )

    def _written(
        self, model: Model, untrained: Model, samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], list[tuple[str, int]], dict[str, list[str]]]:
        """Return ids, (id, number) of every caption, and the captions of each variant."""
        ids: list[str] = []
        places: list[tuple[str, int]] = []
        written: dict[str, list[str]] = {name: [] for name in ("own", "untrained", *CHANGES)}
        for batch, judged in variants(model, untrained, samples, self.captions, run, CHANGES, "captioning"):
            with torch.inference_mode():
                for name, (who, changed) in judged.items():
                    written[name] += [text for texts in self._texts(who, changed) for text in texts]
            ids += batch.ids
            counts = (rows.rows_of(batch, self.captions)[..., rows.COUNT] > 0).sum(1).tolist()
            places += [(name, number) for name, count in zip(batch.ids, counts, strict=True) for number in range(count)]
        return ids, places, written

    def _texts(self, model: Model, batch: Batch) -> list[list[str]]:
        """Return the captions of each video."""
        head: Any = model.heads[self.head]
        if not isinstance(head, Words):
            raise DataError(f"heads.{self.head} is not a hero/words")
        outputs = model(batch, ["fused.words", "fused.clips"])
        fused: Mapping[str, Features] = {**outputs.encoded, **outputs.fused}
        rows_BKR: Tensor = rows.rows_of(batch, self.captions)
        spans_BK2, real_BK = rows_BKR[..., : rows.COUNT], rows_BKR[..., rows.COUNT] > 0
        ids_BKL = head.generate(fused, spans_BK2, start=self.start, end=self.end, tokens=self.tokens)
        tokenizer: Any = model.encoders[self.captions].tokenizer
        return [
            [tokenizer.decode([i for i in ids if i >= 0]) for ids, is_real in zip(video, real, strict=True) if is_real]
            for video, real in zip(ids_BKL.tolist(), real_BK.tolist(), strict=True)
        ]

    def _most_frequent(self, corpus: Corpus, field: str) -> str:
        cues = (cue for sample in islice(judging.training(corpus), _COUNTED) for cue in sample.fields.get(field) or ())
        counts = Counter(cue.text for cue in cues)
        return counts.most_common(1)[0][0] if counts else ""

    @staticmethod
    def _metric(
        name: str,
        judged: Mapping[str, Sequence[str]],
        truth: Sequence[Sequence[str]],
        videos: Sequence[str],
        seed: int,
    ) -> Metric:
        """Return a metric of all who wrote captions, with intervals over videos."""
        count, statistic = MEASURES[name]
        found = {who: count(texts, truth) for who, texts in judged.items()}
        own, untrained, best = (found.pop(who) for who in ("own", "untrained", "perfect"))
        return measure(
            name,
            own,
            units=videos,
            unit="videos",
            statistic=statistic,
            untrained=untrained,
            controls=found,
            references={"perfect": best},
            paper=PAPER.get(name),
            seed=seed,
        )
