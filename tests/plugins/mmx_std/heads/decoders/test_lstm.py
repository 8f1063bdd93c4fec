"""The decoder without attention against its equations, and against itself word by word."""

from __future__ import annotations

import pytest
import torch

from mmx.interfaces import Head
from mmx_std.encoders.text.tokenizers import CLS, SEP
from mmx_std.heads.decoders.lstm import Lstm
from mmx_std.heads.decoders.search import NEVER
from tests.plugins.mmx_std.heads.decoders.parts import BATCH, encoder, fused, made


def greedy(logits_of: object, longest: int) -> list[int]:
    """Write the likeliest word again and again, each from all words before it."""
    words = [CLS]
    while len(words) < longest:
        logits_V = logits_of(words).clone()  # type: ignore[operator]
        logits_V[list(NEVER)] = -torch.inf
        words.append(int(logits_V.argmax()))
        if words[-1] == SEP:
            break
    return [word for word in words[1:] if word != SEP]


@pytest.mark.parametrize("shown", ["once", "every"])
def test_it_is_the_recurrence_of_the_paper(shown: str) -> None:
    """x_-1 = W_i f, x_t = W_e S_t (plus W_i f, where it is shown at every step); the output of x_-1 is not used."""
    texts = encoder()
    head, given = made(Lstm, texts, shown=shown), fused(encoder())
    assert isinstance(head, Head)
    found = head(given, BATCH)["logits"]
    w, u, b, c = (getattr(head.rnn, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
    for row, ids_T in enumerate(given["encoded.caption"].layers["ids"]):
        image = head.image.weight @ given["fused.image"].pooled_BD[row]
        h, cell, logits = torch.zeros(5), torch.zeros(5), []
        words = [head.table.weight[number] + (image if shown == "every" else 0) for number in ids_T[:-1]]
        for x in [image, *words]:
            i, f, g, o = (w @ x + b + u @ h + c).chunk(4)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            h = o.sigmoid() * cell.tanh()
            logits.append(head.output.weight @ h + head.output.bias)
        torch.testing.assert_close(found[row], torch.stack(logits[1:]))


@pytest.mark.parametrize("shown", ["once", "every"])
def test_it_writes_what_teacher_forcing_finds_likeliest(shown: str) -> None:
    texts = encoder()
    head, given = made(Lstm, texts, shown=shown), fused(texts)
    done = head.generate(given)
    for row in range(2):
        features = given["fused.image"].map(lambda x, row=row: x[row : row + 1])

        def logits_of(words: list[int], features: object = features) -> torch.Tensor:
            caption = texts(torch.tensor([[*words, SEP]]))
            return head({"fused.image": features, "encoded.caption": caption}, BATCH)["logits"][0, -1]

        assert [word for word in done.ids_BT[row].tolist() if word >= 0] == greedy(logits_of, texts.longest)


def test_a_wider_beam_is_never_less_likely_when_it_ranks_by_probability() -> None:
    texts = encoder()
    head, given = made(Lstm, texts), fused(texts)
    few, many = (head.generate(given, beam=beam, length_penalty=0.0).log_p_B for beam in (1, 200))
    assert (many >= few - 1e-5).all()
