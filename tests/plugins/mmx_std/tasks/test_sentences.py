"""Caption measures against cases computed by hand."""

from __future__ import annotations

import math

import pytest

from mmx_std import sentences
from mmx_std.tasks.sentences import bleu, cider, meteor, ngrams, rouge_l, words


def test_words_and_sequences() -> None:
    assert words("It's Anna, who SINGS!") == ["it", "'s", "anna", "who", "sings"]
    assert words("He doesn\u2019t say: they'll be well-known at 8:30 -- he cannot.") == [
        *("he", "does", "n't", "say", "they", "'ll", "be", "well-known", "at", "8:30", "he", "can", "not")
    ]
    assert ngrams(["a", "b", "a", "b"], 2) == {("a", "b"): 2, ("b", "a"): 1}


def test_bleu_by_hand() -> None:
    # "the cat sat on the mat" against "the cat is on the mat": 5/6, 3/5, 1/4, 0/3
    said, truth = ["the cat sat on the mat"], [["the cat is on the mat"]]
    assert bleu(said, truth, 1) == pytest.approx(5 / 6)
    assert bleu(said, truth, 2) == pytest.approx(math.sqrt(5 / 6 * 3 / 5))
    assert bleu(said, truth, 3) == pytest.approx((5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3))
    assert bleu(said, truth) == 0.0
    # Clipping: "the" occurs once in the reference.
    assert bleu(["the the the"], [["the cat"]], 1) == pytest.approx(1 / 3)
    # Brevity: 3 words for 6 give exp(1 - 6/3).
    assert bleu(["the cat is"], [["the cat is on the mat"]], 2) == pytest.approx(math.exp(-1))
    # The closest reference sets the length, the union of references what may be matched.
    assert bleu(["a b c"], [["a b", "b c d e f"]], 1) == pytest.approx(1.0)
    # Over the corpus, not the mean of sentences.
    assert bleu(["a b", "c"], [["a x"], ["c"]], 1) == pytest.approx(2 / 3)
    assert bleu(["one two three four five"], [["one two three four five"]]) == pytest.approx(1.0)
    assert bleu([""], [["a"]]) == 0.0
    # 4/5, 3/4, 2/3 and 1/2 of the n-grams match: their product is 1/5.
    assert bleu(["a b c d e"], [["a b c d f"]]) == pytest.approx(0.2**0.25)
    # Of references that are as close, the shorter one sets the length: 4 for 5 words, and not 6.
    assert bleu(["a b c d e"], [["a b c d e f", "a b c d"]]) == pytest.approx(1.0)


def test_rouge_by_hand() -> None:
    # LCS of "police killed the gunman" and "police kill the gunman" is 3: P = R = 3/4.
    assert rouge_l(["police killed the gunman"], [["police kill the gunman"]]) == pytest.approx(3 / 4)
    # P = 2/3, R = 2/4: (1 + 1.44) P R / (R + 1.44 P)
    wanted = 2.44 * (2 / 3) * (1 / 2) / (1 / 2 + 1.44 * 2 / 3)
    assert rouge_l(["a x c"], [["a b c d"]]) == pytest.approx(wanted)
    assert rouge_l(["c a"], [["a b c"]]) == pytest.approx(2.44 * 0.5 * (1 / 3) / (1 / 3 + 1.44 * 0.5)), "order counts"
    assert rouge_l(["", "a"], [["a"], ["a"]]) == pytest.approx(0.5)


def test_cider_by_hand() -> None:
    # Two items, words of one reference each; df = 1 for all but "a", which is in both and so weighs 0.
    said, truth = ["a dog", "a cat"], [["a dog"], ["a bird"]]
    # Item 1: 1-grams (a: 0, dog: ln 2) cosine 1; 2-grams cosine 1; no 3- and 4-grams. 10 * (1 + 1 + 0 + 0) / 4 = 5.
    # Item 2: nothing shared but "a", which weighs nothing: 0.
    assert cider(said, truth) == pytest.approx(5 / 2)
    # Another length costs exp(-d^2 / 72); clipping keeps a repeated word from counting twice.
    long = ["dog dog dog", "x"]
    references = [["dog"], ["y"]]
    weight = math.log(2)
    mine, theirs = 3 * weight, weight
    cosine = min(mine, theirs) * theirs / (mine * theirs)
    assert cider(long, references) == pytest.approx(10 * math.exp(-4 / 72) * cosine / 4 / 2)
    assert cider(["a b c d e", "v w x y z"], [["a b c d e"], ["v w x y z"]]) == pytest.approx(10.0)


def test_cider_of_several_references_by_hand() -> None:
    # "dog" is in the references of both items and weighs 0; all else is in those of one, however often: ln 2.
    said, truth = ["red dog", "blue dog"], [["red dog", "red cat"], ["blue dog"]]
    # Item 1, "red dog": cosines 1 and 1 of 1- and 2-grams. "red cat": (L, 0) and (L, L) have 1 / sqrt 2, and 0.
    first = 10 * ((1 + 1) / 4 + (1 / math.sqrt(2) + 0) / 4) / 2
    # Item 2: 1 and 1.
    assert cider(said, truth) == pytest.approx((first + 10 * (1 + 1) / 4) / 2)


def test_meteor_is_left_out_without_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "which", lambda name: None)
    assert meteor(["a b c"], [["a b c"]]) is None
