"""Heads that name hidden words, or read an answer off one, against their equations."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from mmx.errors import ConfigError, PortError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_std.encoders.text.tokenizers import MASK
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_std.heads.masked import MaskedAnswer, MaskedWords
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions

TABLE = nn.Embedding(9, 4)
BUILT = {"encoders.text": SimpleNamespace(token=TABLE)}


def head() -> MaskedWords:
    torch.manual_seed(0)
    found = MaskedWords({"fused.text": 4}, built=BUILT)
    nn.init.normal_(found.bias)
    return found


def test_it_is_dense_gelu_norm_and_the_encoders_table_at_hidden_places_only() -> None:
    own = head()
    tokens = torch.randn(2, 3, 4)
    truth = torch.tensor([[-1, 5, -1], [2, -1, 0]])
    batch = Batch(["a", "b"], targets={"hidden text": truth})
    found = own({"fused.text": Features(tokens[:, 0], tokens)}, batch)["logits"]
    expected = []
    for row, place in ((0, 1), (1, 0), (1, 2)):
        x = own.dense.weight @ tokens[row, place] + own.dense.bias
        x = x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        x = (x - x.mean()) / (x.var(correction=0) + 1e-12).sqrt() * own.norm.weight + own.norm.bias
        expected.append(TABLE.weight @ x + own.bias)
    torch.testing.assert_close(found, torch.stack(expected))
    every = own({"fused.text": Features(tokens[:, 0], tokens)}, Batch(["a", "b"]))["logits"]
    torch.testing.assert_close(every.view(2, 3, 9)[truth >= 0], found)


def test_features_without_tokens_and_encoders_without_words_are_refused() -> None:
    with pytest.raises(PortError, match="none for each token"):
        head()({"fused.text": Features(torch.zeros(2, 4))}, Batch(["a", "b"]))
    with pytest.raises(ConfigError, match="no table of words of width 5"):
        MaskedWords({"fused.text": 5}, built=BUILT)


CLASSES = {"label": ("red", "two", "yes")}


def answerer() -> tuple[TextTransformer, MaskedAnswer]:
    torch.manual_seed(0)
    text = TextTransformer(Captions(), "caption", width=8, depth=0, heads=2, tokenizer="word", vocabulary=30)
    return text, MaskedAnswer({"fused.text": 8}, CLASSES, built={"encoders.text": text}).eval()


def test_the_state_at_the_mask_is_read() -> None:
    text, part = answerer()
    assert isinstance(part, Head) and part.needs == ("fused.text",)
    ids = [text.prepare((question, "[MASK]")) for question in ("a red cube", "a cube")]
    x_BT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    assert x_BT[0, 5] == MASK and x_BT[1, 4] == MASK
    states_BTW = torch.randn(*x_BT.shape, 8)
    found = part({"fused.text": Features(states_BTW[:, 0], states_BTW)}, Batch(["a", "b"], {"text": x_BT}))
    for row, place in enumerate((5, 4)):
        deep = functional.gelu(part.dense.weight @ states_BTW[row, place] + part.dense.bias)
        normal = (deep - deep.mean()) / deep.var(unbiased=False).sqrt()
        torch.testing.assert_close(found[row], part.classes.weight @ normal, atol=1e-5, rtol=1e-4)
    again = MaskedAnswer({"fused.text": 8}, CLASSES, built={"encoders.text": text})
    again.load_state_dict(part.state_dict())
    assert int(again.mask_1) == MASK


def test_an_answer_needs_a_text_with_a_tokenizer() -> None:
    with pytest.raises(ConfigError, match="no tokenizer"):
        MaskedAnswer({"fused.text": 8}, CLASSES, built={})
