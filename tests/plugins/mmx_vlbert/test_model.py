"""The answer is read off the mask."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mmx.errors import ConfigError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_std.encoders.text.tokenizers import MASK
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_vlbert.model import Answer
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions

CLASSES = {"label": ("red", "two", "yes")}


def head() -> tuple[TextTransformer, Answer]:
    torch.manual_seed(0)
    text = TextTransformer(Captions(), "caption", width=8, depth=0, heads=2, tokenizer="word", vocabulary=30)
    return text, Answer({"fused.text": 8}, CLASSES, built={"encoders.text": text}).eval()


def test_the_state_at_the_mask_is_read() -> None:
    text, part = head()
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
    again = Answer({"fused.text": 8}, CLASSES, built={"encoders.text": text})
    again.load_state_dict(part.state_dict())
    assert int(again.mask_1) == MASK


def test_it_needs_a_text_with_a_tokenizer() -> None:
    with pytest.raises(ConfigError, match="no tokenizer"):
        Answer({"fused.text": 8}, CLASSES, built={})
