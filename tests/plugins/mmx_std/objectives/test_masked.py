"""The loss of hidden words, against its sum written out."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Outputs
from mmx_std.encoders.text.tokenizers import MASK, TextTokenizer
from mmx_std.objectives.masked import MaskedWordLoss
from mmx_std.objectives.matching import ALIGNED, Match

BUILT = {"encoders.text": SimpleNamespace(tokenizer=TextTokenizer(None, limit=8), token=nn.Embedding(12, 2))}


def test_the_loss_is_the_mean_over_hidden_words_of_the_whole_batch() -> None:
    objective = MaskedWordLoss(built=BUILT)
    assert isinstance(objective, Objective)
    truth = torch.tensor([[-1, 5, 6], [7, -1, -1]])
    logits = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    outputs = Outputs(heads={"words": {"logits": logits}})
    found = objective(outputs, Batch(["a", "b"], targets={"hidden text": truth}))
    log_p = logits.log_softmax(-1)
    expected = -(log_p[0, 5] + log_p[1, 6] + log_p[2, 7]) / (3 + 1e-5)
    assert float(found["loss"]) == pytest.approx(float(expected), rel=1e-6)
    best = logits.argmax(-1).tolist()
    assert float(found["right"]) == pytest.approx(sum(a == b for a, b in zip(best, (5, 6, 7), strict=True)) / 3)
    assert objective.chance(2) == pytest.approx(math.log(12))


def test_a_batch_without_hidden_words_costs_nothing() -> None:
    objective = MaskedWordLoss(built=BUILT)
    outputs = Outputs(heads={"words": {"logits": torch.zeros(0, 12)}})
    batch = Batch(["a"], targets={"hidden text": torch.full((1, 3), -1)})
    assert float(objective(outputs, batch)["loss"]) == 0


def test_words_are_hidden_anew_at_every_draw_and_the_truth_travels_along() -> None:
    objective = MaskedWordLoss(built=BUILT, share=0.4, masked=1.0, kept=0.0)
    ids = torch.randint(5, 12, (4, 10), generator=torch.Generator().manual_seed(1))
    masks = {"text": torch.arange(10)[None] < torch.tensor([10, 10, 5, 1])[:, None]}
    batch = Batch(list("abcd"), inputs={"text": ids}, masks=masks)
    one, same, other = (objective.view(batch, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    truth = one.targets["hidden text"]
    assert torch.equal(truth, same.targets["hidden text"]) and not torch.equal(truth, other.targets["hidden text"])
    assert (truth >= 0).sum(1).tolist() == [4, 4, 2, 1]
    assert torch.equal(one.inputs["text"], torch.where(truth >= 0, MASK, ids))
    assert torch.equal(truth[truth >= 0], ids[truth >= 0])
    assert batch.targets == {}


def test_words_of_anothers_text_are_not_counted() -> None:
    """ViLBERT drops the masked losses of misaligned pairs."""
    truth = torch.tensor([[-1, 5, 6], [7, -1, -1]])
    logits = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    targets = {"hidden text": truth, ALIGNED: torch.tensor([False, True])}
    found = MaskedWordLoss(built=BUILT)(
        Outputs(heads={"words": {"logits": logits}}), Batch(["a", "b"], targets=targets)
    )
    assert float(found["loss"]) == pytest.approx(-float(logits.log_softmax(-1)[2, 7]) / (1 + 1e-5), rel=1e-6)
    hidden = Batch(["a", "b"], inputs={"text": truth}, targets=targets)
    with pytest.raises(PortError, match="std/match must come before"):
        Match(built={}, text="text", positives=None).view(hidden, torch.Generator())
