"""BLEU, ROUGE-L, CIDEr-D, METEOR and the words of captions beside pycocoevalcap (needs Java for two of them)."""

from __future__ import annotations

import random
from shutil import which

import pytest

from mmx_std import sentences

pytest.importorskip("pycocoevalcap")
java = pytest.mark.skipif(which("java") is None, reason="no Java here")

TEXTS = (
    "Anna doesn't want it, she says: 'no'!",
    "He can't, won't and cannot; they'll go at 8:30 p.m.",
    "It's the dogs' food (really), well-known -- for $5.50.",
    "Mr. Smith's car... is red/blue & 50% off",
    "I'm gonna go, don't you? We've 1,000 dogs.",
    "U.S. troops' end; a Ph.D. student isn't sure.",
    "Castle and Beckett look at the whiteboard.",
)
_WORDS = ["a", "the", "dog", "cat", "runs", "sits", "on", "mat", "red", "ball", "boy", "takes", "doesn't", "n't"]


def corpus(items: int = 40) -> tuple[list[str], list[list[str]]]:
    rng = random.Random(0)

    def sentence() -> str:
        return " ".join(rng.choices(_WORDS[:-2], k=rng.randint(3, 9)))

    references = [[sentence() for _ in range(rng.randint(1, 3))] for _ in range(items)]
    said = [rng.choice(several) if rng.random() < 0.3 else sentence() for several in references]
    return said, references


def published(measure: object, said: list[str], references: list[list[str]]) -> object:
    truth = dict(enumerate(references))
    return measure.compute_score(truth, {place: [text] for place, text in enumerate(said)})[0]  # type: ignore[attr-defined]


def test_cider_has_the_reference_implementations_scale() -> None:
    from pycocoevalcap.cider.cider import Cider

    said, references = corpus()
    assert sentences.cider(said, references) == pytest.approx(published(Cider(), said, references), rel=1e-6)


def test_bleu() -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    said, references = corpus()
    theirs = published(Bleu(4), said, references)
    ours = [sentences.bleu(said, references, size) for size in (1, 2, 3, 4)]
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_rouge() -> None:
    from pycocoevalcap.rouge.rouge import Rouge

    said, references = corpus()
    assert sentences.rouge_l(said, references) == pytest.approx(published(Rouge(), said, references), rel=1e-6)


@java
def test_words_are_those_of_the_treebanks_tokenizer() -> None:
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    theirs = PTBTokenizer().tokenize({place: [{"caption": text}] for place, text in enumerate(TEXTS)})
    assert [sentences.words(text) for text in TEXTS] == [theirs[place][0].split() for place in range(len(TEXTS))]


@java
def test_meteor_is_its_authors_program() -> None:
    said, references = corpus(8)
    value = sentences.meteor(said, references)
    assert value is not None
    assert 0 < value < 1
    assert sentences.meteor([each[0] for each in references], references) == pytest.approx(1.0, abs=0.01)
