"""The head that names hidden words, against its equation."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmx.errors import ConfigError, PortError
from mmx.types import Batch, Features
from mmx_std.heads.masked import MaskedWords

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
