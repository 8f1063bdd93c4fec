"""A recurrent text encoder against the recurrence written out, and its poolings."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from mmx.interfaces import Encoder
from mmx_std.encoders.text.rnn import TextRnn
from mmx_std.encoders.text.tokenizers import PAD
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions
from tests.plugins.mmx_std.padding import assert_padding_ignored

RAWS = ["a red cube falls over the blue floor", "one ball", "a cube"]


def rnn(**options: object) -> TextRnn:
    torch.manual_seed(0)
    return TextRnn(Captions(), **{"width": 5, "embedding": 4, "vocabulary": 50, **options}).eval()  # type: ignore[arg-type]


def test_a_gru_is_its_equations() -> None:
    """r, z = sigmoid, n = tanh(W x + r (U h)), h' = (1 - z) n + z h (Cho et al., 2014, with the bias inside r)."""
    encoder = rnn()
    assert isinstance(encoder, Encoder)
    ids = encoder.prepare(RAWS[0])
    w, u, b, c = (getattr(encoder.rnn, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
    state, states = torch.zeros(5), []
    for number in ids.tolist():
        given, kept = w @ encoder.table.weight[number] + b, u @ state + c
        r, z = torch.sigmoid(given[:5] + kept[:5]), torch.sigmoid(given[5:10] + kept[5:10])
        state = (1 - z) * torch.tanh(given[10:] + r * kept[10:]) + z * state
        states.append(state)
    found = encoder(ids[None])
    torch.testing.assert_close(found.pooled_BD[0], state)
    torch.testing.assert_close(found.tokens_BTD[0], torch.stack(states))
    torch.testing.assert_close(rnn(pooling="max")(ids[None]).pooled_BD[0], torch.stack(states).amax(0))
    torch.testing.assert_close(rnn(pooling="mean")(ids[None]).pooled_BD[0], torch.stack(states).mean(0))


@pytest.mark.parametrize(
    ("cell", "pooling", "both"),
    list(itertools.product(["gru", "lstm"], ["last", "max", "mean", "states"], [False, True])),
)
def test_padding_is_never_read(cell: str, pooling: str, both: bool) -> None:
    encoder = rnn(cell=cell, pooling=pooling, bidirectional=both, depth=2)
    assert_padding_ignored(encoder, RAWS)
    assert encoder.prepare("").tolist() == [PAD]
    assert torch.isfinite(encoder(encoder.prepare("")[None]).pooled_BD).all()


def test_all_states_are_those_of_every_layer_and_direction() -> None:
    encoder = rnn(cell="lstm", pooling="states", bidirectional=True, depth=2)
    ids = encoder.prepare(RAWS[0])
    _, (hidden, cell) = encoder.rnn(encoder.table(ids[None]))
    assert encoder.out_dim == 2 * 2 * 2 * 5
    torch.testing.assert_close(encoder(ids[None]).pooled_BD[0], torch.cat([*hidden[:, 0], *cell[:, 0]]))


def test_word_vectors_are_dropped_before_their_tangent_is_taken() -> None:
    encoder = rnn(cell="lstm", dropout=0.5, squash=True)
    ids = encoder.prepare(RAWS[0])
    states, _ = encoder.rnn(torch.tanh(encoder.table(ids[None])))
    torch.testing.assert_close(encoder(ids[None]).tokens_BTD, states)
    torch.manual_seed(1)
    kept = nn.functional.dropout(encoder.table(ids[None]), 0.5)
    torch.manual_seed(1)
    torch.testing.assert_close(encoder.squash(encoder.dropout.train()(encoder.table(ids[None]))), torch.tanh(kept))


def test_both_directions_end_at_the_two_ends() -> None:
    encoder = rnn(bidirectional=True)
    found = encoder(encoder.prepare(RAWS[0])[None])
    torch.testing.assert_close(found.pooled_BD[0], torch.cat([found.tokens_BTD[0, -1, :5], found.tokens_BTD[0, 0, 5:]]))


def test_order_counts() -> None:
    encoder = rnn()
    ids = encoder.prepare("a red cube")
    assert not torch.allclose(encoder(ids[None]).pooled_BD, encoder(ids.flip(0)[None]).pooled_BD)
