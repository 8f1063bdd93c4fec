"""The transformer decoder against the equations of the paper, and against itself word by word."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.errors import ConfigError, PortError
from mmx.interfaces import Head
from mmx.types import Features
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.encoders.text.tokenizers import CLS, SEP
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_std.heads.decoders.transformer import Decoder
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions
from tests.plugins.mmx_std.heads.decoders.parts import BATCH, encoder, fused
from tests.plugins.mmx_std.heads.decoders.test_lstm import greedy

KINDS = [
    {},
    {"norm": "pre", "positions": "learned", "scaled": False, "activation": "gelu"},
    {"positions": "none", "divided": False},
]


def made(texts: TokenIds, **options: Any) -> Decoder:
    torch.manual_seed(0)
    return Decoder({"fused.image": 6}, built={"encoders.caption": texts}, heads=2, hidden=7, **options).eval()


def attend(part: Any, x_TD: Tensor, y_PD: Tensor, causal: bool, divisor: float = math.sqrt(3)) -> tuple[Tensor, Tensor]:
    """Return softmax(Q K' / sqrt(d_k)) V of two heads, projected, and the mean of the heads' weights."""
    w, b = part.in_proj_weight, part.in_proj_bias
    q, k, v = x_TD @ w[:6].T + b[:6], y_PD @ w[6:12].T + b[6:12], y_PD @ w[12:].T + b[12:]
    heads, looks = [], []
    for part_of in (slice(0, 3), slice(3, 6)):
        scores = q[:, part_of] @ k[:, part_of].T / divisor
        for i in range(len(x_TD)):
            for j in range(len(y_PD)):
                scores[i, j] = -torch.inf if causal and j > i else scores[i, j]
        looks.append(scores.softmax(-1))
        heads.append(looks[-1] @ v[:, part_of])
    return torch.cat(heads, -1) @ part.out_proj.weight.T + part.out_proj.bias, sum(looks) / 2  # type: ignore[return-value]


def test_it_is_the_equations_of_the_paper() -> None:
    """LN(x + Sub(x)) around causal attention, attention to the source and ReLU; embeddings times sqrt(d), sinusoids."""
    texts = encoder()
    head, given = made(texts, depth=1), fused(texts)
    assert isinstance(head, Head)
    found = head(given, BATCH)["logits"]
    layer = head.layers[0]
    for row, ids_T in enumerate(given["encoded.caption"].layers["ids"]):
        words = ids_T[:-1].tolist()
        waves = [
            [(math.cos if i % 2 else math.sin)(p / 10000 ** ((i - i % 2) / 6)) for i in range(6)]
            for p in range(len(words))
        ]
        x = head.table.weight[words] * math.sqrt(6) + torch.tensor(waves)
        places = given["fused.image"].tokens_BTD[row]  # type: ignore[index]
        x = layer.norm1(x + attend(layer.self_attn, x, x, True)[0])
        x = layer.norm2(x + attend(layer.multihead_attn, x, places, False)[0])
        inner = (x @ layer.linear1.weight.T + layer.linear1.bias).relu() @ layer.linear2.weight.T + layer.linear2.bias
        x = layer.norm3(x + inner)
        torch.testing.assert_close(found[row], x @ head.table.weight.T, rtol=1e-4, atol=1e-4)


def test_dot_products_are_not_divided_where_told() -> None:
    """Softmax of Q K' as it is: what the equations above give with another divisor, for both kinds of attention."""
    texts = encoder()
    head, given = made(texts, depth=1, divided=False), fused(texts)
    part, x, y = head.layers[0].multihead_attn, torch.randn(4, 6), torch.randn(5, 6)
    own = {name: part.get_parameter(f"parametrizations.{name}.original") for name in ("in_proj_weight", "in_proj_bias")}
    trained = SimpleNamespace(out_proj=part.out_proj, **own)
    torch.testing.assert_close(part(x[None], y[None], y[None])[0][0], attend(trained, x, y, False, 1.0)[0])
    other, plain = made(texts, depth=1), head.state_dict()
    names = {name.replace("parametrizations.", "").replace(".original", ""): each for name, each in plain.items()}
    other.load_state_dict(names)  # the same weights, used as usual
    assert not torch.allclose(head(given, BATCH)["logits"], other(given, BATCH)["logits"], atol=1e-3)


@pytest.mark.parametrize("options", KINDS, ids=["paper", "pre", "no positions"])
def test_it_writes_what_teacher_forcing_finds_likeliest(options: dict[str, Any]) -> None:
    texts = encoder()
    head, given = made(texts, depth=2, **options), fused(texts)
    with torch.no_grad():
        head.table.weight.mul_(3)  # far from ties
    done = head.generate(given)
    for row in range(2):
        features = given["fused.image"].map(lambda x, row=row: x[row : row + 1])

        def logits_of(words: list[int], features: Features = features) -> Tensor:
            caption = texts(torch.tensor([[*words, SEP]]))
            return head({"fused.image": features, "encoded.caption": caption}, BATCH)["logits"][0, -1].detach()

        assert [word for word in done.ids_BT[row].tolist() if word >= 0] == greedy(logits_of, texts.longest)
    assert done.maps_BTP is not None
    torch.testing.assert_close(done.maps_BTP.sum(-1), torch.ones(done.maps_BTP.shape[:2]))


@pytest.mark.parametrize("options", KINDS, ids=["paper", "pre", "no positions"])
def test_without_attention_to_others_it_is_a_language_model(options: dict[str, Any]) -> None:
    """A block is causal attention and feed-forward; no other features change a word, and it writes the likeliest."""
    texts = encoder()
    head = made(texts, reads=None, width=6, depth=2, **options)
    assert head.needs == ("encoded.caption",) and not any("multihead" in name for name, _ in head.named_parameters())
    given = {"encoded.caption": fused(texts)["encoded.caption"]}
    found = head(given, BATCH)["logits"]
    if not options:
        for row, ids_T in enumerate(given["encoded.caption"].layers["ids"]):
            x = head._embedded(ids_T[None, :-1], 0)[0]
            for layer in head.layers:
                x = layer.norm1(x + attend(layer.self_attn, x, x, True)[0])  # type: ignore[operator, arg-type]
                wide = (x @ layer.linear1.weight.T + layer.linear1.bias).relu() @ layer.linear2.weight.T  # type: ignore
                x = layer.norm2(x + wide + layer.linear2.bias)  # type: ignore
            torch.testing.assert_close(found[row], x @ head.table.weight.T, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        head.table.weight.mul_(3)  # far from ties

    def logits_of(words: list[int]) -> Tensor:
        caption = texts(torch.tensor([[*words, SEP]]))
        return head({"encoded.caption": caption}, BATCH)["logits"][0, -1].detach()

    done, expected = head.generate(given), greedy(logits_of, texts.longest)
    assert [[word for word in row if word >= 0] for row in done.ids_BT.tolist()] == [expected, expected]
    assert done.maps_BTP is None
    draws = [head.generate(given, generator=torch.Generator().manual_seed(2)).ids_BT for _ in range(2)]
    assert torch.equal(*draws) and head.generate(given, beam=3).log_p_B[0] >= done.log_p_B[0] - 1e-4


def test_a_width_is_needed_where_nothing_is_read_and_only_there() -> None:
    texts = encoder()
    with pytest.raises(ConfigError, match="reads nothing needs one"):
        made(texts, reads=None)
    with pytest.raises(ConfigError, match=r"8 is not the width of fused\.image, 6"):
        made(texts, width=8)


def test_where_it_looked_is_the_attention_of_the_last_block() -> None:
    texts = encoder()
    head, given = made(texts, depth=1, positions="none", scaled=False), fused(texts)
    done = head.generate(given)
    x = head.table.weight[[CLS]]
    layer = head.layers[0]
    x = layer.norm1(x + attend(layer.self_attn, x, x, True)[0])
    look = attend(layer.multihead_attn, x, given["fused.image"].tokens_BTD[0], False)[1]  # type: ignore[index]
    assert done.maps_BTP is not None
    torch.testing.assert_close(done.maps_BTP[0, 0], look[0])


def test_words_do_not_see_later_ones_and_padding_is_not_looked_at() -> None:
    texts = encoder()
    head, given = made(texts), fused(texts)
    plain = head(given, BATCH)["logits"]
    ids = given["encoded.caption"].layers["ids"].clone()
    ids[:, 3] = 9
    other = head({**given, "encoded.caption": texts(ids)}, BATCH)["logits"]
    torch.testing.assert_close(plain[:, :3], other[:, :3])
    assert not torch.allclose(plain[:, 3:], other[:, 3:])
    image = given["fused.image"]
    padded = torch.cat([image.tokens_BTD, torch.full((2, 3, 6), torch.nan)], 1)  # type: ignore[list-item]
    mask = torch.tensor([[True] * 4 + [False] * 3] * 2)
    again = head({**given, "fused.image": Features(image.pooled_BD, padded, mask)}, BATCH)["logits"]
    torch.testing.assert_close(plain, again)
    nothing = Features(image.pooled_BD, padded, torch.zeros_like(mask))
    assert head({**given, "fused.image": nothing}, BATCH)["logits"].isfinite().all()


def test_a_blind_decoder_writes_the_same_about_everything() -> None:
    texts = encoder()
    given = fused(texts)
    other = {**given, "fused.image": given["fused.image"].map(lambda x: x + 1)}
    blind, seeing = made(texts, blind=True), made(texts)
    assert torch.equal(blind(given, BATCH)["logits"], blind(other, BATCH)["logits"])
    assert not torch.allclose(seeing(given, BATCH)["logits"], seeing(other, BATCH)["logits"])


def test_a_shared_table_is_one_and_other_words_are_refused() -> None:
    sizes = {"width": 6, "depth": 1, "heads": 2, "vocabulary": 40, "tokens": 12, "tokenizer": "word"}
    texts, source = encoder(), TextTransformer(Captions(), **sizes)  # type: ignore[arg-type]
    built = {"encoders.caption": texts, "encoders.source": source}
    head = Decoder({"fused.source": 6}, built=built, reads="source", shares="source", heads=2)
    assert head.table is source.token
    with pytest.raises(ConfigError, match=r"and of the true texts differ"):
        Decoder(
            {"fused.source": 6},
            built={**built, "encoders.caption": TokenIds(Captions(), tokenizer="bpe")},
            reads="source",
            shares="source",
            heads=2,
        )
    with pytest.raises(ConfigError, match="no table of words"):
        Decoder({"fused.source": 6}, built=built, reads="source", shares="caption", heads=2)
    with pytest.raises(ConfigError, match="4 does not divide width 6"):
        Decoder({"fused.source": 6}, built=built, reads="source", heads=4)


def test_features_without_tokens_are_refused() -> None:
    texts = encoder()
    with pytest.raises(PortError, match="no tokens to attend to"):
        made(texts)({**fused(texts), "fused.image": Features(torch.zeros(2, 6))}, BATCH)
