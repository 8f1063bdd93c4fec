"""Answers ranked by likelihood, and candidates after what was said before."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_blip.model import Answers, Choice, joined
from tests.plugins.mmx_std.fusers.test_cross_attention import IDS, given, made

NAMES = ["red", "dark red", "blue"]


class Words:
    """A tokenizer of three words."""

    def __init__(self) -> None:
        self.ids = {"red": 6, "dark": 7, "blue": 8}

    def prepare(self, text: str) -> torch.Tensor:
        return torch.tensor([1, *(self.ids[word] for word in text.split()), 2])


def answers(**options: Any) -> tuple[Answers, Any, dict[str, Features]]:
    fuser = made()
    for parameter in fuser.parameters():
        nn.init.normal_(parameter, std=0.4)
    built = {"fuser": fuser, "encoders.question": Words()}
    part = Answers({"label": NAMES}, built=built, **options).eval()
    return part, fuser, {"joint": fuser(given(), Batch([]))["joint"]}


@torch.no_grad()
def test_scores_are_log_probabilities_token_by_token() -> None:
    part, fuser, fused = answers()
    assert isinstance(part, Head) and not part.state_dict()
    found = part(fused, Batch(["a", "b"]))
    joint = fused["joint"]
    for row in range(2):
        for column, name in enumerate(NAMES):
            ids, total = Words().prepare(name).tolist(), 0.0
            for place in range(1, len(ids)):
                prefix = torch.tensor([ids[:place]])
                assert joint.tokens_BTD is not None and joint.mask_BT is not None
                logits = fuser.written(prefix, joint.tokens_BTD[row : row + 1], joint.mask_BT[row : row + 1])
                total += float(logits[0, -1].log_softmax(0)[ids[place]])
            assert found[row, column].item() == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_only_the_first_by_their_first_token_are_looked_at() -> None:
    whole, _, fused = answers()
    part, _, _ = answers(first=1)
    part._fuser = whole._fuser
    found = part(fused, Batch(["a", "b"]))
    assert (found > -torch.inf).sum(1).tolist() == [1, 1]
    kept = found.argmax(1)
    torch.testing.assert_close(found.amax(1), whole(fused, Batch(["a", "b"])).gather(1, kept[:, None])[:, 0])


def test_answers_of_the_same_ids_are_refused() -> None:
    """Two words that the tokenizer does not know would be one answer, and the second never given."""
    part, _, fused = answers()
    part._texts[0].ids["blue"] = part._texts[0].ids["red"]
    with pytest.raises(PortError, match="'red' and 'blue' are the same words"):
        part(fused, Batch(["a", "b"]))


def test_texts_are_joined_without_padding_between_them() -> None:
    history = torch.tensor([[1, 11, 12, 2], [0, 0, 0, 0]])  # the second has none
    question = torch.tensor([[1, 21, 2, 0], [1, 22, 23, 2]])
    candidates = torch.tensor([[[1, 31, 2, 0], [1, 32, 33, 2]], [[1, 34, 2, 0], [1, 35, 2, 0]]])
    expected = [
        [1, 11, 12, 21, 2, 31, 2, 0],
        [1, 11, 12, 21, 2, 32, 33, 2],
        [1, 22, 23, 2, 34, 2, 0, 0],
        [1, 22, 23, 2, 35, 2, 0, 0],
    ]
    assert joined([history, question], candidates, 20).tolist() == expected
    # What is too long loses its beginning: four places are the candidate's, of the rest the last ones stay.
    assert joined([history, question], candidates, 7)[0].tolist()[:5] == [1, 12, 21, 2, 31]
    assert joined([question], candidates, 20)[2].tolist() == [1, 22, 23, 2, 34, 2]


class Difference(nn.Module):
    def forward(self, fused: Any, batch: Batch) -> torch.Tensor:
        first = fused["joint"].pooled_BD
        return torch.stack([first[:, 0], first[:, 1]], 1)


def test_scores_of_candidates_are_those_of_the_matching_head() -> None:
    fuser = made(positions=20).eval()
    part = Choice(built={"fuser": fuser, "heads.aligned": Difference()}, context=["question"])
    assert isinstance(part, Head) and part.needs == ("encoded.image", "encoded.question", "encoded.candidates")
    candidates = torch.tensor([[[1, 6, 2], [1, 7, 2]], [[1, 8, 2], [0, 0, 0]]])
    there = torch.tensor([[True, True], [True, False]])
    text = Features(torch.ones(2, 1), None, None, {"ids": IDS})
    features = {
        "image": given()["image"],
        "question": text,
        "candidates": Features(torch.ones(2, 1), None, there, {"ids": candidates}),
    }
    found = part(features, Batch(["a", "b"]))
    states, _ = fuser.states(features["image"])
    alone = fuser.joint(torch.tensor([[1, 7, 8, 2, 7, 2]]), states[:1])[0, 0]
    assert found[0, 1].item() == pytest.approx((alone[1] - alone[0]).item(), rel=1e-3, abs=1e-5)
    assert found[1, 1].item() == -torch.inf
