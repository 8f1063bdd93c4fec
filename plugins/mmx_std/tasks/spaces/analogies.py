"""Analogy task: "a is to b as c is to ...", answered by arithmetic on word vectors.

Shapes: Q questions, V words, D width.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Corpus, DataError, Figure, Model, Prediction, Report, Run, UserError, measure
from mmx_std.encoders.text.tokenizers import SPECIALS, split_words
from mmx_std.ops.cooccurrence import cooccurrences, ppmi_vectors
from mmx_std.tasks import judging, plots

if TYPE_CHECKING:
    from mmx_std.encoders.text.bag import TextBag

__all__ = ["Analogies", "Question", "answers", "read_questions", "spelled"]

Floats = NDArray[np.float64]
_SHOWN: Final = 60
"""Words on the map."""
_TOLD: Final = 4
"""Nearest words of one that the report names."""
_NEAREST: Final = 10
_BLOCK: Final = 512
"""Questions that are compared with all words at once."""
_LARGEST: Final = 64 << 20


@dataclass(frozen=True)
class Question:
    """Three words and the one that answers them; `unit` names what questions have in common, `section` their kind."""

    id: str
    words: tuple[str, str, str]
    answer: str
    section: str
    unit: str


class Analogies:
    """Judges word vectors by analogies: the answer is argmax_x cos(x, b - a + c), without a, b and c (3CosAdd).

    Questions are those of the judged split (a text `a b c`, and the answer), or a file in the form of word2vec's
    `questions-words.txt`. A word is looked up as it is written, with its capitals, and where the model has no such word
    without them. Questions with an unknown word are left out and counted. Beside the model stand factors of counts
    (positive pointwise mutual information), and the nearest neighbour of c.

    Args:
        words: Encoder whose word vectors are judged: `std/text-bag`, or one with a `table` and a `tokenizer` of words.
        plus: Encoder whose vectors of the same words are added (GloVe: w + c).
        question: Field of the question.
        answer: Target of the answer.
        section: Target with the kind of question.
        unit: Target that names independent units; None: the answer.
        file: Questions to ask instead: a line `: section`, then lines of four words.
        most: Only the most frequent words are known and compete.
        window: Of the counts beside the model.
        texts: Field of the texts that are counted; default: what the encoder reads.
        counted: Split of the texts that are counted.
        margin: By how much the accuracy must beat chance, the untrained model, baselines and controls.
    """

    def __init__(
        self,
        *,
        words: str = "words",
        plus: str | None = None,
        question: str = "question",
        answer: str = "answer",
        section: str = "section",
        unit: str | None = "pair",
        file: str | None = None,
        most: Annotated[int, Field(ge=10)] = 30_000,
        window: Annotated[int, Field(ge=1, le=50)] = 5,
        texts: str | None = None,
        counted: str = "train",
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.encoders = (words,) if plus is None else (words, plus)
        self.needs = tuple(f"encoded.{name}" for name in self.encoders)
        self.question, self.answer, self.section, self.unit = question, answer, section, unit
        self.file, self.most, self.window, self.margin = file, most, window, margin
        self.texts, self.counted = texts, counted

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what the data lack: a split with questions, or the file."""
        if self.file is not None:
            return [] if Path(self.file).expanduser().is_file() else [f"task.file: no such file {self.file}"]
        if self.question not in corpus.fields or self.answer not in corpus.targets:
            told = f"the corpus has no questions (field {self.question!r}, target {self.answer!r})"
            return [f"{told}; name a file of them: task.file=questions-words.txt"]
        return judging.lacks(corpus, split)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`, or the file."""
        if self.file is not None:
            asked = read_questions(Path(self.file).expanduser())
        else:
            names = corpus.targets.get(self.section)
            asked = [self._asked(sample, names) for sample in corpus.split(run.split)]
        words, own_VD = self._vectors(model)
        place = {word: number for number, word in enumerate(words)}
        known = [each for each in (spelled(each, place) for each in asked) if each is not None]
        coverage = f"{len(known)} of {len(asked)} questions have four known words."
        if not known:
            return Report([], 0, len(asked), notes=[coverage])
        ids_Q3 = np.array([[place[word] for word in each.words] for each in known])
        truth_Q = np.array([place[each.answer] for each in known])
        said_Q = answers(own_VD, ids_Q3)
        hits = {
            "untrained": answers(self._vectors(run.untrained())[1], ids_Q3) == truth_Q,
            "nearest_to_c": answers(own_VD, ids_Q3, signs=(0.0, 0.0, 1.0)) == truth_Q,
        }
        counted_VD = self._counted(corpus, model, words, own_VD.shape[1])
        counts = {} if counted_VD is None else {"ppmi_svd": (answers(counted_VD, ids_Q3) == truth_Q).astype(float)}
        right_Q = (said_Q == truth_Q).astype(float)
        sections = list(dict.fromkeys(each.section for each in known))
        return Report(
            [
                measure(
                    "analogy_accuracy",
                    right_Q,
                    units=[each.unit for each in known],
                    unit="answers" if self.file is not None or self.unit is None else f"{self.unit}s",
                    chance=1 / max(1, len(words) - 3),
                    untrained=hits["untrained"].astype(float),
                    baselines=counts,
                    controls={"nearest_to_c": hits["nearest_to_c"].astype(float)},
                    seed=run.seed,
                )
            ],
            used=len(known),
            expected=len(asked),
            predictions=[
                {"id": each.id, "section": each.section, "question": " ".join(each.words), "truth": each.answer,
                 "answer": words[said], "right": bool(hit)}
                for each, said, hit in zip(known, said_Q, right_Q, strict=True)
            ],
            figures=[self._by_section(known, sections, right_Q), _map(words, own_VD, known)],
            notes=[f"{len(words)} words compete.", *_neighbours(words, own_VD, known)],
            left_out=[coverage] if len(known) < len(asked) else [],
            margin=self.margin,
        )  # fmt: skip

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Answer for words: the nearest of one, `a b c` as an analogy, or a sum like `king - man + woman`.

        Raises:
            UserError: No known word, or nothing of that form.
        """
        text = next((str(raw[name]) for name in (model.fields[self.encoders[0]], self.question) if name in raw), None)
        if text is None:
            raise UserError(f"give words: {model.fields[self.encoders[0]]}='king - man + woman'")
        words, vectors_VD = self._vectors(model)
        place = {word: number for number, word in enumerate(words)}
        asked = _terms(text)
        unknown = [word for _, word in asked if _known(word, place) is None]
        if unknown:
            raise UserError(f"unknown: {', '.join(unknown)}; this model knows {len(words)} words")
        terms = [(sign, _known(word, place) or word) for sign, word in asked]
        unit_VD = _unit(vectors_VD)
        query_D = sum((sign * unit_VD[place[word]] for sign, word in terms), np.zeros(unit_VD.shape[1]))
        best = _nearest(unit_VD, query_D, [place[word] for _, word in terms])
        return Prediction([{"rank": r, "word": words[i], "similarity": near} for r, (i, near) in enumerate(best, 1)])

    def _asked(self, sample: Any, names: Sequence[str] | None) -> Question:
        parts = str(sample.fields[self.question]).split()
        if len(parts) != 3:
            raise DataError(f"{sample.id}: a question has three words, not {len(parts)}: {' '.join(parts)[:60]!r}")
        truth, kind = str(sample.targets[self.answer]), sample.targets.get(self.section)
        section = str(names[kind]) if names is not None and isinstance(kind, int) else str(kind or "all")
        unit = truth if self.unit is None else str(sample.targets.get(self.unit, truth))
        return Question(sample.id, (parts[0], parts[1], parts[2]), truth, section, unit)

    def _vectors(self, model: Model) -> tuple[list[str], Floats]:
        """Return the words that compete, by frequency, and their vectors (V, D)."""
        tables = []
        for name in self.encoders:
            encoder: TextBag = model.encoders[name]
            tables.append(encoder.table.weight.detach().double().cpu())
            words = encoder.tokenizer.tokens()[len(SPECIALS) :][: self.most]
        total = torch.stack([table[len(SPECIALS) :][: len(words)] for table in tables]).sum(dim=0)
        return words, total.numpy()

    def _counted(self, corpus: Corpus, model: Model, words: Sequence[str], width: int) -> Floats | None:
        """Return vectors made of counts; None where there are no texts to count."""
        field = self.texts or model.fields[self.encoders[0]]
        try:
            samples = corpus.split(self.counted)
        except DataError:
            return None
        place = {word: number for number, word in enumerate(words)}
        texts = (split_words(str(sample.fields[field]), lowercase=False) for sample in samples)
        inside = (np.array([place.get(_known(word, place) or "", -1) for word in text], np.int64) for text in texts)
        found = cooccurrences(inside, len(words), self.window, "one")
        return ppmi_vectors(found, width) if found.nnz else None

    def _by_section(self, known: Sequence[Question], sections: Sequence[str], right_Q: Floats) -> Figure:
        of = np.array([sections.index(each.section) for each in known])
        shares = [float(right_Q[of == number].mean()) for number in range(len(sections))]
        counts = [int((of == number).sum()) for number in range(len(sections))]
        told = "Share of right answers by kind of question."
        return Figure("sections", plots.per_class(sections, {"right": shares}, counts), told)


def read_questions(path: Path) -> list[Question]:
    """Read a file in the form of `questions-words.txt`, its capitals kept.

    Raises:
        DataError: The file is not there, is too large, or a line has not four words; told with its number.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: larger than {_LARGEST >> 20} MB")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    section, found = "all", []
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if line.startswith(":"):
            section = line[1:].strip() or "all"
        elif parts:
            if len(parts) != 4:
                raise DataError(f"{path}:{number}: a question has four words, not {len(parts)}")
            found.append(Question(f"line {number}", (parts[0], parts[1], parts[2]), parts[3], section, parts[3]))
    return found


def spelled(question: Question, known: Container[str]) -> Question | None:
    """Return the question in words that a model knows, None where it does not know one of them."""
    a, b, c, answer = (_known(word, known) for word in (*question.words, question.answer))
    if a is None or b is None or c is None or answer is None:
        return None
    return replace(question, words=(a, b, c), answer=answer)


def _known(word: str, known: Container[str]) -> str | None:
    """Return a word as a model knows it: as it is written, else without capitals."""
    return next((each for each in (word, word.lower()) if each in known), None)


def answers(
    vectors_VD: Floats, ids_Q3: NDArray[np.int64], signs: tuple[float, float, float] = (-1.0, 1.0, 1.0)
) -> NDArray[np.int64]:
    """Return the word nearest to the signed sum of the three unit vectors, none of the three itself (Q,)."""
    unit_VD = _unit(vectors_VD)
    found = []
    for first in range(0, len(ids_Q3), _BLOCK):
        chosen_Q3 = ids_Q3[first : first + _BLOCK]
        query_QD = np.einsum("qkd,k->qd", unit_VD[chosen_Q3], np.array(signs))
        scores_QV = query_QD @ unit_VD.T
        np.put_along_axis(scores_QV, chosen_Q3, -np.inf, axis=1)
        found.append(scores_QV.argmax(axis=1))
    return np.concatenate(found)


def _terms(text: str) -> list[tuple[float, str]]:
    """Return signs and words of a query."""
    parts = text.replace("+", " + ").replace("-", " - ").split()
    words = [part for part in parts if part not in "+-"]
    if len(words) == len(parts) == 3:
        return list(zip((-1.0, 1.0, 1.0), words, strict=True))
    terms, sign = [], 1.0
    for part in parts:
        if part in "+-":
            sign = 1.0 if part == "+" else -1.0
        else:
            terms.append((sign, part))
            sign = 1.0
    if not terms:
        raise UserError("give one word, three words (a b c), or a sum like: king - man + woman")
    return terms


def _nearest(unit_VD: Floats, query_D: Floats, left_out: Sequence[int]) -> list[tuple[int, float]]:
    """Return the words nearest to a vector, and their cosines with it."""
    scores_V = unit_VD @ _unit(query_D[None])[0]
    scores_V[list(left_out)] = -math.inf
    best = np.argsort(-scores_V, kind="stable")[:_NEAREST]
    return [(int(number), float(scores_V[number])) for number in best if scores_V[number] > -math.inf]


def _neighbours(words: Sequence[str], vectors_VD: Floats, known: Sequence[Question]) -> list[str]:
    """Return a line with the nearest words of the first answer of each section."""
    unit_VD, place = _unit(vectors_VD), {word: number for number, word in enumerate(words)}
    firsts: dict[str, str] = {}
    for each in known:
        firsts.setdefault(each.section, each.answer)
    lines = []
    for word in dict.fromkeys(firsts.values()):
        near = _nearest(unit_VD, vectors_VD[place[word]], [place[word]])[:_TOLD]
        lines.append(f"{word}: {', '.join(words[number] for number, _ in near)}")
    return [f"Nearest words of {'; '.join(lines)}."]


def _unit(x_ND: Floats) -> Floats:
    return np.asarray(x_ND / np.maximum(np.linalg.norm(x_ND, axis=1, keepdims=True), 1e-12))


def _map(words: Sequence[str], vectors_VD: Floats, known: Sequence[Question]) -> Figure:
    """Draw the first two principal components of the words that are asked about."""
    asked = list(dict.fromkeys(word for each in known for word in (*each.words, each.answer)))[:_SHOWN]
    unit_ND = _unit(vectors_VD)[[words.index(word) for word in asked]]
    u_NK, s_K, _ = np.linalg.svd(unit_ND - unit_ND.mean(axis=0), full_matrices=False)
    figure = plots.canvas(9, 7)
    axes = figure.add_subplot()
    places_N2 = (u_NK * s_K)[:, :2]
    axes.scatter(places_N2[:, 0], places_N2[:, 1], s=12)
    for word, (x, y) in zip(asked, places_N2, strict=True):
        axes.annotate(word, (x, y), fontsize=8, xytext=(3, 3), textcoords="offset points")
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    return Figure("words", figure, f"Word vectors of {len(asked)} words that are asked about, in two dimensions.")
