"""Hidden words: how many, which, and what is shown in their place."""

from __future__ import annotations

import pytest
import torch

from mmx_std.encoders.text.tokenizers import CLS, MASK, PAD, SEP, UNKNOWN, TextTokenizer, train_tokenizer
from mmx_std.ops.tokens.corruption import Hiding, Vocabulary, vocabulary_of

ROWS = 40
WORDS = Vocabulary(
    MASK,
    torch.tensor([number in (PAD, CLS, SEP, MASK) for number in range(ROWS)]),
    torch.arange(5, ROWS),
    torch.tensor([number >= 30 for number in range(ROWS)]),  # the last ten continue a word
)


def texts(length: int = 20, rows: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    ids_BT = torch.randint(5, ROWS, (rows, length), generator=draw)
    ids_BT[:, 0], ids_BT[:, length // 2], ids_BT[:, -3] = CLS, SEP, SEP
    ids_BT[:, -2:] = PAD
    return ids_BT, ids_BT != PAD


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("policy", ["random", "whole-word", "span"])
@pytest.mark.parametrize(("share", "most", "count"), [(0.15, 20, 3), (0.5, 5, 5), (0.001, 20, 1)])
def test_the_number_is_that_of_the_released_code_and_marks_stay(
    policy: str, share: float, most: int, count: int
) -> None:
    """min(most, max(1, round(share n))) of n = 18 tokens, marks included: round(2.7) = 3."""
    ids_BT, real_BT = texts()
    hidden_BT = Hiding(policy, share, most).choose(ids_BT, real_BT, WORDS, seeded())  # type: ignore[arg-type]
    assert not hidden_BT[torch.isin(ids_BT, torch.tensor([PAD, CLS, SEP]))].any()
    counts_B = hidden_BT.sum(1)
    assert int(counts_B.max()) == count
    if policy == "random":
        assert (counts_B == count).all()
        share_T = hidden_BT.float().mean(0)[1:9]
        assert torch.allclose(share_T, share_T.mean().expand(8), atol=0.1)


def test_whole_words_are_hidden_with_all_their_pieces() -> None:
    ids_BT, real_BT = texts()
    hidden_BT = Hiding("whole-word", 0.3, 20).choose(ids_BT, real_BT, WORDS, seeded())
    joined = 0
    for ids, hidden in zip(ids_BT.tolist(), hidden_BT.tolist(), strict=True):
        for place in range(1, len(ids)):
            if ids[place] >= 30 and ids[place - 1] >= 5:  # continues the word before
                assert hidden[place] == hidden[place - 1]
                joined += hidden[place]
    assert joined > 100
    assert int(hidden_BT.sum(1).max()) <= 5


def test_spans_are_runs_of_words_of_geometric_length() -> None:
    """P(length k) = 0.2 0.8^(k-1): four words need 1 + 0.2 x 1.4 + 0.16 x 1.2 + 0.128 = 1.6 spans on average."""
    ids_BT = torch.randint(5, 30, (1000, 402), generator=seeded(3))
    ids_BT[:, 0], ids_BT[:, -1] = CLS, SEP
    hidden_BT = Hiding("span", 0.01, 4).choose(ids_BT, torch.ones_like(ids_BT, dtype=torch.bool), WORDS, seeded())
    runs = (hidden_BT[:, 1:] & ~hidden_BT[:, :-1]).sum(1)
    assert (hidden_BT.sum(1) == 4).all()
    assert float(runs.float().mean()) == pytest.approx(1.6, abs=0.08)


def test_half_of_the_draws_are_among_the_most_attended_tokens_and_take_their_neighbours() -> None:
    """One token of 100: P(among the top 20) = .5 + .5 x .2; a draw's reach is 0, 1, 2 with .625, .25, .125, mean .5."""
    ids_BT = torch.randint(5, 30, (1500, 102), generator=seeded(3))
    ids_BT[:, 0], ids_BT[:, -1] = CLS, SEP
    real_BT, attended_BT = torch.ones_like(ids_BT, dtype=torch.bool), torch.rand(ids_BT.shape, generator=seeded(4))
    attended_BT[:, 0] = 9.0  # a mark is never hidden, however much it is attended to
    one_BT = Hiding("attention-weighted", 0.01, 1).choose(ids_BT, real_BT, WORDS, seeded(), attended_BT)
    top_BT = torch.zeros_like(real_BT).scatter(1, 1 + attended_BT[:, 1:-1].topk(20).indices, True)
    assert (one_BT.sum(1) == 1).all() and not one_BT[:, 0].any()
    assert float((one_BT & top_BT).sum() / 1500) == pytest.approx(0.6, abs=0.03)
    five_BT = Hiding("attention-weighted", 0.05, 5).choose(ids_BT, real_BT, WORDS, seeded(), attended_BT)
    assert (five_BT.sum(1) == 5).all()
    runs = (five_BT[:, 1:] & ~five_BT[:, :-1]).sum(1).float()
    free_BT = Hiding("random", 0.05, 5).choose(ids_BT, real_BT, WORDS, seeded())
    assert runs.mean() < 3.4 < (free_BT[:, 1:] & ~free_BT[:, :-1]).sum(1).float().mean()
    with pytest.raises(ValueError, match="needs the attention"):
        Hiding("attention-weighted").choose(ids_BT, real_BT, WORDS, seeded())


def test_what_is_shown_is_the_mask_a_random_word_or_the_word_itself() -> None:
    ids_BT = torch.full((200, 100), 7)
    hidden_BT = torch.zeros_like(ids_BT, dtype=torch.bool)
    hidden_BT[:, ::2] = True
    shown_BT = Hiding().corrupt(ids_BT, hidden_BT, WORDS, seeded())
    assert torch.equal(shown_BT[~hidden_BT], ids_BT[~hidden_BT])
    of_M = shown_BT[hidden_BT]
    assert float((of_M == MASK).float().mean()) == pytest.approx(0.8, abs=0.015)
    assert float((of_M == 7).float().mean()) == pytest.approx(0.1 + 0.1 / 35, abs=0.012)
    others = of_M[(of_M != MASK) & (of_M != 7)]
    assert int(others.min()) == 5 and len(others.unique()) == 34
    every = Hiding(masked=1.0, kept=0.0).corrupt(ids_BT, hidden_BT, WORDS, seeded())
    assert (every[hidden_BT] == MASK).all()


def test_the_same_draw_hides_the_same_words() -> None:
    ids_BT, real_BT = texts()
    for policy in ("random", "whole-word", "span"):
        one, other = (Hiding(policy).choose(ids_BT, real_BT, WORDS, seeded(5)) for _ in range(2))  # type: ignore[arg-type]
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["word", "wordpiece", "bpe"])
def test_a_tokenizer_tells_its_marks_and_the_pieces_inside_words(kind: str) -> None:
    corpus = ["a king played", "the king plays", "playing kings"] * 3
    tokenizer = TextTokenizer(train_tokenizer(corpus, kind=kind, vocabulary=300), limit=16)  # type: ignore[arg-type]
    words = vocabulary_of(tokenizer, 400)
    assert words.mask == MASK and words.fixed_V.nonzero()[:, 0].tolist() == [PAD, CLS, SEP, MASK]
    assert not set(words.regular_R.tolist()) & {PAD, CLS, SEP, MASK, UNKNOWN}
    assert int(words.regular_R.max()) < tokenizer.size and len(words.fixed_V) == 400
    names = tokenizer.tokens()
    inside = {names[number] for number in words.inside_V.nonzero()[:, 0].tolist()}
    if kind == "word":
        assert not inside
    elif kind == "wordpiece":
        assert inside == {name for name in names if name.startswith("##")} and inside
    else:
        assert "\u0120king" not in inside and "g" in inside
    assert vocabulary_of(TextTokenizer(None, limit=8), 10).mask == MASK
