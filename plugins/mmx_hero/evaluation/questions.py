"""Evaluation of answers to questions about videos, and of statements about them (TVQA and VIOLIN of the paper).

Shapes: N questions, C candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mmx import Batch, Corpus, DataError, PaperValue, Prediction, Report, Sample, measure
from mmx_hero.evaluation.reading import CHANGES, Change, fuser_of, variants
from mmx_hero.model.answers import Kind
from mmx_hero.model.vocabulary import BAR
from mmx_std import judging

if TYPE_CHECKING:
    from mmx import Model, Run
    from mmx_hero.model.hierarchical import Hierarchical

_COUNTED: Final = 2000
PAPER: Final = {
    "choice": PaperValue(0.7424, "TVQA val, pre-trained on HowTo100M alone"),
}


class Questions:
    """Evaluate the accuracy of the chosen candidates, or of statements judged true or false.

    Controls are the trained model without subtitles, without frames, without both (question only), with the subtitles'
    times exchanged and with frames out of order, and the most frequent answer of training.

    Args:
        head: Head that scores candidates.
        target: Number of the right candidate, or 1 for a true statement; -1 where unknown.
        kind: See `hero/answer`.
        question: Encoder of the questions.
        margin: Lead in accuracy that counts as learned.
    """

    def __init__(
        self,
        head: str = "answer",
        target: str = "answer",
        *,
        kind: Kind = "choice",
        question: str = "question",
        margin: Annotated[float, Field(ge=0)] = 0.03,
    ) -> None:
        self.head, self.target, self.kind, self.question, self.margin = head, target, kind, question, margin
        self.needs = (f"heads.{head}", f"targets.{target}")

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Evaluate the model on the run's split.

        Raises:
            DataError: No question has a known answer.
        """
        samples = list(corpus.split(run.split))
        ids, fits, truth_N = self._answers(model.eval(), run.untrained().eval(), samples, run)
        known_N = truth_N >= 0
        if not known_N.any():
            raise DataError(f"no sample of split {run.split!r} has a question with a known answer")
        truth_N = truth_N[known_N]
        right = {name: self._right(scores[known_N], truth_N) for name, scores in fits.items()}
        usual, count = self._most_frequent(corpus), fits["own"].shape[1]
        controls = {name: found.astype(float) for name, found in right.items() if name not in ("own", "untrained")}
        metric = measure(
            "accuracy",
            right["own"].astype(float),
            units=[name for name, known in zip(ids, known_N, strict=True) if known],
            unit="videos",
            chance=0.5 if self.kind == "statement" else 1 / count,
            untrained=right["untrained"].astype(float),
            controls={
                **controls,
                **({} if usual is None else {"most_frequent_answer": (truth_N == usual).astype(float)}),
            },
            paper=PAPER.get(self.kind),
            seed=run.seed,
        )
        chosen = [sample for sample, known in zip(judging.judged(samples, ids), known_N, strict=True) if known]
        return Report(
            metrics=[metric],
            used=len(truth_N),
            expected=len(samples),
            predictions=list(self._rows(chosen, fits["own"][known_N], truth_N, model)),
            notes=[*self._notes(), *judging.left_out(corpus)],
            margin=self.margin,
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Score the candidates of a question about a user's video.

        Args:
            model: In evaluation mode.
            raw: Video, subtitles and question under their fields' names.

        Raises:
            DataError: There is no question.
        """
        field = model.fields[self.question]
        if not str(raw.get(field, "")).strip():
            raise DataError(f'give a question: --field {field}="who waters the flowers? | Anna | Ben"')
        raw = {model.fields[fuser_of(model).subtitles]: (), **raw}
        predicted = judging.one_input(model, self.needs[:1], dict(raw)).heads[self.head]["fits"][0]
        question, *answers = (part.strip() for part in str(raw[field]).split(BAR))
        if self.kind == "statement":
            return Prediction([{"statement": question, "true": round(float(predicted[0].sigmoid()), 3)}])
        shares = predicted.softmax(-1).tolist()
        ranked = sorted(zip(answers, shares, strict=False), key=lambda pair: -pair[1])
        return Prediction([{"answer": answer, "share": round(share, 3)} for answer, share in ranked])

    def _answers(
        self, model: Model, untrained: Model, samples: Sequence[Sample], run: Run
    ) -> tuple[list[str], dict[str, np.ndarray], np.ndarray]:
        """Return ids, logits (N, C) by variant, and the truth (N,)."""
        changes: dict[str, Change] = {**CHANGES, "question_only": _question_only}
        ids: list[str] = []
        fits: dict[str, list[Tensor]] = {}
        truth: list[Tensor] = []
        port = [f"heads.{self.head}"]
        for batch, judged in variants(model, untrained, samples, self.question, run, changes, "answering"):
            with torch.inference_mode():
                for name, (who, changed) in judged.items():
                    fits.setdefault(name, []).append(who(changed, port).heads[self.head]["fits"].cpu())
            ids += batch.ids
            truth.append(torch.as_tensor(batch.targets[self.target]).cpu())
        if not ids:
            raise DataError("no sample of the split can be read")
        return ids, {name: torch.cat(found).numpy() for name, found in fits.items()}, torch.cat(truth).numpy()

    def _right(self, fits_NC: np.ndarray, truth_N: np.ndarray) -> np.ndarray:
        if self.kind == "statement":
            correct: np.ndarray = (fits_NC[:, 0] > 0) == (truth_N == 1)
            return correct
        # Candidates with equal scores share the credit.
        best_NC = fits_NC == fits_NC.max(1, keepdims=True)
        share: np.ndarray = best_NC[np.arange(len(truth_N)), truth_N] / best_NC.sum(1)
        return share

    def _most_frequent(self, corpus: Corpus) -> int | None:
        answers = (sample.targets.get(self.target, -1) for sample in islice(judging.training(corpus), _COUNTED))
        counts = Counter(int(answer) for answer in answers if answer is not None and answer >= 0)
        return counts.most_common(1)[0][0] if counts else None

    def _rows(
        self, samples: Sequence[Sample], fits_NC: np.ndarray, truth_N: np.ndarray, model: Model
    ) -> Iterator[Mapping[str, Any]]:
        field = model.fields[self.question]
        for sample, fits, truth in zip(samples, fits_NC, truth_N, strict=True):
            question, *answers = (part.strip() for part in str(sample.fields.get(field) or "").split(BAR))
            if self.kind == "statement":
                yield {"id": sample.id, "statement": question, "predicted": bool(fits[0] > 0), "true": bool(truth == 1)}
                continue
            chosen = int(fits.argmax())
            predicted, right = (answers[i] if i < len(answers) else "" for i in (chosen, int(truth)))
            yield {"id": sample.id, "question": question, "predicted": predicted, "right": right}

    def _notes(self) -> list[str]:
        what = "statement" if self.kind == "statement" else "question with its candidates"
        return [f"question_only gives the model the {what}, with frames and subtitles removed."]


def _question_only(batch: Batch, fuser: Hierarchical) -> Batch:
    return CHANGES["no_video"](CHANGES["no_subtitles"](batch, fuser), fuser)
