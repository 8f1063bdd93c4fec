"""The decoder with attention against the equations of Xu et al., written out, and against itself word by word."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Features
from mmx_std.encoders.text.tokenizers import CLS, SEP
from mmx_std.heads.decoders.attention import LstmAttention
from tests.plugins.mmx_std.heads.decoders.parts import BATCH, encoder, fused, made
from tests.plugins.mmx_std.heads.decoders.test_lstm import greedy


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("attention", ["soft", "uniform"])
def test_it_is_the_equations_of_the_paper(attention: str, gate: bool) -> None:
    texts = encoder()
    head = made(LstmAttention, texts, attention=attention, gate=gate, attention_layers=2, init_layers=2)
    given = fused(texts)
    found = head(given, BATCH)
    for row, ids_T in enumerate(given["encoded.caption"].layers["ids"]):
        a_PD = given["fused.image"].tokens_BTD[row]
        hidden = (head.first[0].weight @ a_PD.mean(0) + head.first[0].bias).relu()
        h = (head.first_state.weight @ hidden + head.first_state.bias).tanh()
        c = (head.first_memory.weight @ hidden + head.first_memory.bias).tanh()
        for t, word in enumerate(ids_T[:-1].tolist()):
            y = torch.zeros(3) if word == CLS else head.table.weight[word]
            alpha = torch.full((4,), 0.25)
            if attention == "soft":
                first = a_PD @ head.keys[0].weight.T + head.keys[0].bias
                keys = (first @ head.keys[1].weight.T + head.keys[1].bias).tanh()
                e = torch.stack([head.score.weight[0] @ (key + head.query.weight @ h).tanh() for key in keys])
                alpha = (e + head.score.bias).exp() / (e + head.score.bias).exp().sum()
            beta = (head.gate.weight[0] @ h + head.gate.bias[0]).sigmoid() if gate else torch.tensor(1.0)
            z = beta * sum(weight * place for weight, place in zip(alpha, a_PD, strict=True))
            gates = head.from_word.weight @ y + head.from_word.bias
            i, f, o, g = (gates + head.from_state.weight @ h + head.from_place.weight @ z).chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            mixed = y + head.state_out.weight @ h + head.state_out.bias
            mixed = (mixed + head.place_out.weight @ z + head.place_out.bias).tanh()
            torch.testing.assert_close(found["logits"][row, t], head.output.weight @ mixed + head.output.bias)
            torch.testing.assert_close(found["attention"][row, t], alpha)
            torch.testing.assert_close(found["gate"][row, t], beta)


def test_it_writes_what_teacher_forcing_finds_likeliest_and_tells_where_it_looked() -> None:
    texts = encoder()
    head, given = made(LstmAttention, texts), fused(texts)
    done = head.generate(given)
    for row in range(2):
        features = given["fused.image"].map(lambda x, row=row: x[row : row + 1])

        def told(words: list[int], name: str, features: Features = features) -> torch.Tensor:
            caption = texts(torch.tensor([[*words, SEP]]))
            return head({"fused.image": features, "encoded.caption": caption}, BATCH)[name][0]

        words = greedy(lambda words: told(words, "logits")[-1], texts.longest)
        assert [word for word in done.ids_BT[row].tolist() if word >= 0] == words
        torch.testing.assert_close(done.maps_BTP[row, : len(words)], told([CLS, *words], "attention")[: len(words)])


def test_looking_everywhere_replaces_the_attention_that_was_learned() -> None:
    texts = encoder()
    head, given = made(LstmAttention, texts), fused(texts)
    assert torch.allclose(head.generate(given, attention="uniform").maps_BTP, torch.tensor(0.25))
    assert not torch.allclose(head.generate(given).maps_BTP, torch.tensor(0.25))


def test_places_that_are_padding_are_not_looked_at() -> None:
    texts = encoder()
    head, given = made(LstmAttention, texts, init_layers=2), fused(texts)
    image = given["fused.image"]
    padded_BPD = torch.cat([image.tokens_BTD, torch.full((2, 2, 6), 9.0)], 1)
    mask_BP = torch.tensor([[True] * 4 + [False] * 2] * 2)
    padded = head({**given, "fused.image": Features(image.pooled_BD, padded_BPD, mask_BP)}, BATCH)
    alone = head(given, BATCH)
    torch.testing.assert_close(padded["logits"], alone["logits"])
    torch.testing.assert_close(padded["attention"][..., :4], alone["attention"])
    none = head({**given, "fused.image": Features(image.pooled_BD, padded_BPD, torch.zeros_like(mask_BP))}, BATCH)
    assert none["logits"].isfinite().all()


def test_features_without_places_are_refused() -> None:
    texts = encoder()
    given = {**fused(texts), "fused.image": Features(torch.zeros(2, 6))}
    with pytest.raises(PortError, match="no places"):
        made(LstmAttention, texts)(given, BATCH)


def test_the_full_size_has_the_weights_of_the_public_coco_model() -> None:
    """Counted from the public code's matrices, soft COCO setting: V 10,000, words 512, state 1,800, places 512."""
    v, m, n, d = 10_000, 512, 1800, 512
    first = (d * d + d) + 2 * (d * n + n)
    lstm = 4 * n * (m + n + d) + 4 * n
    attention = (d * d + d) + (d * d + d) + n * d + d + 1
    gate = n + 1
    readout = (n * m + m) + (d * m + m) + (m * v + v)
    texts = encoder()
    texts.vocabulary = v
    with torch.device("meta"):
        head = LstmAttention(
            {"fused.image": d},
            built={"encoders.caption": texts},
            width=n,
            embedding=m,
            attention_layers=2,
            init_layers=2,
        )
    assert sum(each.numel() for each in head.parameters()) == v * m + first + lstm + attention + gate + readout
