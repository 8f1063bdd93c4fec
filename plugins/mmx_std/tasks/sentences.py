"""Caption metrics: BLEU, ROUGE-L and CIDEr-D from their definitions, and METEOR from its authors' program.

Every function takes hypotheses (N texts) and references (N lists of at least one text). Words are those of the Penn
Treebank's tokenizer, lower-cased and without punctuation, as the published evaluators split them (tests/parity).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from shutil import which
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["bleu", "bleu_counts", "bleu_of", "cider", "cider_each", "meteor", "rouge_each", "rouge_l", "words"]

Floats = NDArray[np.float64]
Words = Sequence[str]
_WORD: Final = re.compile(
    r"\w{1,2}\.(?:\w\.)+|(?:mr|mrs|ms|dr|prof|jr|sr|vs)\."  # p.m., ph.d., mr.
    r"|\w+(?:[-./,:'@]\w+)*"  # with what joins parts: well-known, 3.5, 8:30, o'clock
    r"|[][(){}]|[#$%&@+*=<>~^|/\\]+"  # signs that are not punctuation
)
_SPLIT: Final = re.compile(r"(?<=\w)(n't|'(?:s|m|d|ll|re|ve))$")
"""Endings that the Treebank counts as words."""
_WRITTEN: Final = {
    "cannot": ("can", "not"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "wanna": ("wan", "na"),
    "lemme": ("lem", "me"),
    "gimme": ("gim", "me"),
    "(": ("-lrb-",),
    ")": ("-rrb-",),
    "[": ("-lsb-",),
    "]": ("-rsb-",),
    "{": ("-lcb-",),
    "}": ("-rcb-",),
}
_BETA: Final = 1.2
"""ROUGE-L: how much recall counts against precision in the F-measure."""
_SIGMA: Final = 6.0
"""CIDEr-D: spread of the penalty for another length."""


def words(text: str) -> list[str]:
    """Return the words of a text: `doesn't` is `does` and `n't`, `Anna's` is `anna` and `'s`.

    Beyond the Treebank's frequent rules (rarer abbreviations, `'90s`, `rock'n'roll`) it may split differently.
    """
    found: list[str] = []
    for word in _WORD.findall(text.lower().replace("\u2019", "'")):
        parts = _SPLIT.split(word)
        found += [piece for part in parts for piece in _WRITTEN.get(part, (part,)) if piece]
    return found


def ngrams(tokens: Words, size: int) -> Counter[tuple[str, ...]]:
    """Return the counts of all n-grams of `size` words."""
    return Counter(tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1))


def bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]], size: int = 4) -> float:
    """Return corpus BLEU (Papineni et al., 2002): geometric mean of clipped precisions times the brevity penalty.

    Without smoothing: 0 if no n-gram of some length up to `size` matches.
    """
    return bleu_of(bleu_counts(hypotheses, references, size))


def bleu_counts(hypotheses: Sequence[str], references: Sequence[Sequence[str]], size: int = 4) -> Floats:
    """Return what BLEU sums up, by item: matches and n-grams of each length, words, and those of the nearest reference.

    Shape (N, 2 * size + 2), in this order.
    """
    rows = []
    for hypothesis, several in zip(hypotheses, references, strict=True):
        mine, theirs = words(hypothesis), [words(text) for text in several]
        matched, total = [], []
        for n in range(1, size + 1):
            found = ngrams(mine, n)
            allowed: Counter[tuple[str, ...]] = Counter()
            for each in theirs:
                allowed |= ngrams(each, n)
            matched.append(sum((found & allowed).values()))
            total.append(sum(found.values()))
        nearest = min((abs(len(each) - len(mine)), len(each)) for each in theirs)[1]
        rows.append([*matched, *total, len(mine), nearest])
    return np.array(rows, np.float64).reshape(len(rows), 2 * size + 2)


def bleu_of(counts_NC: Floats) -> float:
    """Return BLEU of items from their counts (see `bleu_counts`)."""
    sums_C = counts_NC.sum(0)
    matched, total, (produced, closest) = *np.split(sums_C[:-2], 2), sums_C[-2:]
    if not matched.all() or not produced:
        return 0.0
    return float(np.exp(np.log(matched / total).mean() + min(0.0, 1 - closest / produced)))


def rouge_l(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return the mean over items of `rouge_each`."""
    scores = rouge_each(hypotheses, references)
    return float(scores.sum()) / max(1, len(scores))


def rouge_each(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Floats:
    """Return the F-measure of the longest common subsequence (Lin, 2004) of each item (N,); of several the best."""
    scores = []
    for hypothesis, several in zip(hypotheses, references, strict=True):
        mine, theirs = words(hypothesis), [words(text) for text in several]
        common = [_common(mine, each) for each in theirs]
        precision = max((c / len(mine) for c in common), default=0.0) if mine else 0.0
        recall = max((c / len(each) for c, each in zip(common, theirs, strict=True) if each), default=0.0)
        both = recall + _BETA**2 * precision
        scores.append((1 + _BETA**2) * precision * recall / both if both else 0.0)
    return np.array(scores, np.float64)


def cider(hypotheses: Sequence[str], references: Sequence[Sequence[str]], size: int = 4) -> float:
    """Return CIDEr-D (Vedantam et al., 2015): the mean over items of `cider_each`."""
    scores = cider_each(hypotheses, references, size)
    return float(scores.sum()) / max(1, len(scores))


def cider_each(hypotheses: Sequence[str], references: Sequence[Sequence[str]], size: int = 4) -> Floats:
    """Return CIDEr-D of each item (N,): cosine of TF-IDF vectors of 1 to 4 words, clipped, times 10.

    Document frequencies are those of the references of all items.
    """
    texts = [[words(text) for text in several] for several in references]
    frequency: Counter[tuple[str, ...]] = Counter()
    for several in texts:
        frequency.update({gram for each in several for n in range(1, size + 1) for gram in ngrams(each, n)})
    documents = math.log(max(1, len(texts)))

    def weighed(tokens: Words, n: int) -> dict[tuple[str, ...], float]:
        return {
            gram: count * (documents - math.log(max(1, frequency[gram]))) for gram, count in ngrams(tokens, n).items()
        }

    scores = []
    for hypothesis, several in zip(hypotheses, texts, strict=True):
        mine = words(hypothesis)
        each = []
        for reference in several:
            penalty = math.exp(-((len(mine) - len(reference)) ** 2) / (2 * _SIGMA**2))
            similar = [_cosine(weighed(mine, n), weighed(reference, n)) for n in range(1, size + 1)]
            each.append(penalty * sum(similar) / size)
        scores.append(10.0 * sum(each) / len(each))
    return np.array(scores, np.float64)


def meteor(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float | None:
    """Return METEOR (Denkowski and Lavie, 2014) by its authors' program; None without `pycocoevalcap` or Java.

    No own version stands in: without the program's synonyms, paraphrases and tuned weights the values differ by a
    factor of two.
    """
    if not hypotheses or find_spec("pycocoevalcap") is None or which("java") is None:
        return None
    from pycocoevalcap.meteor.meteor import Meteor

    truth = {place: [" ".join(words(text)) for text in several] for place, several in enumerate(references)}
    said = {place: [" ".join(words(text))] for place, text in enumerate(hypotheses)}
    return float(Meteor().compute_score(truth, said)[0])


def _common(a: Words, b: Words) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for place, other in enumerate(b, 1):
            before, row[place] = row[place], before + 1 if word == other else max(row[place], row[place - 1])
    return row[-1]


def _cosine(mine: dict[tuple[str, ...], float], theirs: dict[tuple[str, ...], float]) -> float:
    """Return the cosine with the weights of `mine` clipped to those of `theirs` (the D of CIDEr-D)."""
    dot = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in mine.items() if gram in theirs)
    norms = math.sqrt(sum(w * w for w in mine.values())) * math.sqrt(sum(w * w for w in theirs.values()))
    return dot / norms if norms else 0.0
