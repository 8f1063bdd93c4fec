"""The search against every text that there is, written out."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from mmx_std.heads.decoders.search import State, sample, search

END, START, LONGEST = 0, 3, 3
WORDS = (END, 1, 2)
TABLE = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(4))
"""Logits of the next word by text and last word."""


def step(word_N: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
    logits_NV = TABLE[state["text"].long(), word_N].clone()
    return logits_NV, {**state, "count": state["count"] + 1}, torch.stack([word_N.float(), state["count"]], 1)


def found(**options: float) -> tuple[list[list[int]], Tensor, Tensor]:
    state = {"text": torch.arange(2), "count": torch.zeros(2)}
    done = search(step, state, tokens=LONGEST, start=START, end=END, never=(), **options)  # type: ignore[arg-type]
    return done.ids_BT.tolist(), done.log_p_B, done.maps_BTP


def every(text: int, penalty: float, offset: float = 0.0) -> tuple[list[int], float]:
    """Return the best of all texts of one row, and its log-probability."""
    log_p = TABLE.log_softmax(-1)
    texts = {}
    for words in itertools.product(WORDS, repeat=LONGEST):
        kept = words[: words.index(END) + 1] if END in words else words
        total = sum(float(log_p[text, a, b]) for a, b in zip((START, *kept), kept, strict=False))
        texts[kept] = (total / ((offset + len(kept)) / (offset + 1)) ** penalty, total)
    best = max(texts, key=lambda each: texts[each])
    return [word for word in best if word != END], texts[best][1]


@pytest.mark.parametrize("offset", [0.0, 5.0])
@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 3.0])
def test_a_beam_that_holds_everything_finds_the_best_of_all_texts(penalty: float, offset: float) -> None:
    texts, log_p_B, _ = found(beam=40, length_penalty=penalty, length_offset=offset)
    for row in range(2):
        words, total = every(row, penalty, offset)
        assert [word for word in texts[row] if word >= 0] == words
        assert float(log_p_B[row]) == pytest.approx(total, abs=1e-5)


def test_greedy_takes_the_likeliest_word_and_stops_at_the_end() -> None:
    texts, log_p_B, maps_BTP = found()
    for row in range(2):
        word, words, total = START, [], 0.0
        for _ in range(LONGEST):
            log_p = TABLE[row, word].log_softmax(-1)
            word = int(log_p.argmax())
            total += float(log_p[word])
            if word == END:
                break
            words.append(word)
        assert [each for each in texts[row] if each >= 0] == words
        assert float(log_p_B[row]) == pytest.approx(total, abs=1e-5)
        # Where it looked when it wrote word t: it had just read word t - 1, and t steps were done.
        read = [START, *words][: len(words)]
        assert maps_BTP[row, : len(words)].tolist() == [[float(a), float(t)] for t, a in enumerate(read)]


def test_maps_belong_to_the_text_that_is_returned() -> None:
    texts, _, maps_BTP = found(beam=5, length_penalty=1.0)
    for row, text in enumerate(texts):
        words = [word for word in text if word >= 0]
        assert maps_BTP[row, : len(words), 0].tolist() == [float(each) for each in [START, *words][: len(words)]]


def test_forbidden_words_are_never_written() -> None:
    state = {"text": torch.arange(2), "count": torch.zeros(2)}
    done = search(step, state, tokens=LONGEST, start=START, end=END, never=(1,), beam=3)
    assert not (done.ids_BT == 1).any() and torch.isfinite(done.log_p_B).all()


@pytest.mark.parametrize(
    ("options", "allowed"), [({}, 3), ({"top_k": 2}, 2), ({"top_k": 1}, 1), ({"top_p": 0.7}, None)]
)
def test_drawn_words_are_as_likely_as_told_and_none_of_the_others_comes(
    options: dict[str, float], allowed: int | None
) -> None:
    count = 4000
    state = {"text": torch.zeros(count), "count": torch.zeros(count)}
    draw = torch.Generator().manual_seed(0)
    done = sample(step, state, tokens=1, generator=draw, start=START, end=END, never=(), **options)  # type: ignore[arg-type]
    p = TABLE[0, START].softmax(-1)
    order = p.argsort(descending=True).tolist()
    if allowed is None:
        total, allowed = 0.0, 0
        while total < 0.7:
            total, allowed = total + float(p[order[allowed]]), allowed + 1
    kept = order[:allowed]
    words = torch.where(done.ids_BT[:, 0] < 0, END, done.ids_BT[:, 0])
    for word in WORDS:
        share = float((words == word).float().mean())
        assert share == pytest.approx(float(p[word] / p[kept].sum()) if word in kept else 0.0, abs=0.03)


def test_a_cold_draw_is_greedy_and_its_log_probability_is_that_of_the_whole_text() -> None:
    texts, _log_p_B, maps_BTP = found()
    state = {"text": torch.arange(2), "count": torch.zeros(2)}
    options = {"tokens": LONGEST, "start": START, "end": END, "never": ()}
    cold = sample(step, state, generator=torch.Generator(), temperature=1e-3, **options)  # type: ignore[arg-type]
    assert cold.ids_BT.tolist() == texts
    assert torch.equal(cold.maps_BTP, maps_BTP)
    whole = sample(step, state, generator=torch.Generator(), top_k=1, **options)  # type: ignore[arg-type]
    assert whole.ids_BT.tolist() == texts and whole.log_p_B.abs().max() < 1e-6
    free = sample(step, state, generator=torch.Generator().manual_seed(2), **options)  # type: ignore[arg-type]
    log_p = TABLE.log_softmax(-1)
    for row in range(2):
        words = [each for each in free.ids_BT[row].tolist() if each >= 0]
        path = [START, *words, *([END] if len(words) < LONGEST else [])]
        expected = sum(float(log_p[row, a, b]) for a, b in itertools.pairwise(path))
        assert float(free.log_p_B[row]) == pytest.approx(expected, abs=1e-5)
