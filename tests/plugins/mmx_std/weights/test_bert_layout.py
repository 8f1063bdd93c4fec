"""Names of BERT's relatives: layers are taken in order, and what is left has no place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mmx.errors import AssetError
from mmx_std.ops.tokens.transformer import BertLayer
from mmx_std.weights.bert_layout import load_part, serialized, take_layers, take_modules
from tests.plugins.mmx_bert.release import released


def given(folder: Path) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in released(folder).state_dict().items() if "encoder.layer" in name}


@torch.no_grad()
def test_layers_give_the_same_in_both_of_our_forms(tmp_path: Path) -> None:
    """As the library's own layer, from number 1 on; the layer before it is left."""
    model, tensors = released(tmp_path), given(tmp_path)
    x = torch.randn(1, 5, 16)
    expected = model.bert.encoder.layer[1](x)
    expected = expected[0] if isinstance(expected, tuple) else expected
    layer = BertLayer(16, 2, 24, 0.0)
    load_part(layer, take_layers(tensors, "bert.encoder.layer", ["our.first"], first=1), "our.first.", "x")
    torch.testing.assert_close(layer(x, torch.ones(1, 5, dtype=torch.bool)), expected)
    assert tensors and all(name.startswith("bert.encoder.layer.0.") for name in tensors)
    block = nn.TransformerEncoderLayer(16, 2, 24, 0.0, "gelu", 1e-12, batch_first=True)
    load_part(block, take_layers(given(tmp_path), "bert.encoder.layer", ["a", "b"], block=True), "b.", "x")
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)


def test_what_is_missing_is_told() -> None:
    assert take_modules({"a.weight": torch.ones(1)}, {"b": "a", "c": "d"}) == {"b.weight": torch.ones(1)}
    with pytest.raises(KeyError, match=r"x\.0\.attention\.self\.query\.weight"):
        take_layers({}, "x", ["y"])
    with pytest.raises(AssetError, match="1 missing"):
        load_part(nn.Linear(1, 1), {"a.weight": torch.ones(1, 1), "b.bias": torch.ones(1)}, "a.", "x")


def test_the_tokenizer_of_a_folder(tmp_path: Path) -> None:
    released(tmp_path)
    assert '"queen"' in serialized(str(tmp_path))
    with pytest.raises(AssetError, match=r"give tokenizer=FOLDER with tokenizer\.json"):
        serialized(str(tmp_path / "nowhere"))
