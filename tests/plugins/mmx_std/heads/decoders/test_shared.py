"""The decoder without weights: its logits are the fuser's, a search writes what they say, nothing is held twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_std.encoders.text.tokenizers import SEP
from mmx_std.heads.decoders.shared import SharedDecoder
from tests.plugins.mmx_std.fusers.test_cross_attention import IDS, Texts, given, made


def head(**options: Any) -> tuple[SharedDecoder, Any]:
    fuser = made()
    for parameter in fuser.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return SharedDecoder(built={"fuser": fuser, "encoders.caption": Texts()}, **options), fuser


def test_logits_are_the_fusers_and_no_weight_is_held() -> None:
    part, fuser = head()
    assert isinstance(part, Head) and not part.state_dict()
    logits = part(given(), Batch(["a", "b"]))["logits"]
    torch.testing.assert_close(logits, fuser.written(IDS[:, :-1], *fuser.states(given()["image"])))


@torch.no_grad()
def test_a_greedy_text_is_the_most_probable_word_after_each() -> None:
    part, fuser = head()
    written = part.generate(given())
    states, _ = fuser.states(given()["image"])
    for row in range(2):
        ids = [1]
        for number in written.ids_BT[row].tolist():
            logits = fuser.written(torch.tensor([ids]), states[row : row + 1])[0, -1]
            logits[[0, 1, 3, 4, fuser.transformer.encode_id, fuser.transformer.write_id]] = -torch.inf
            best = int(logits.argmax())
            assert best == (SEP if number < 0 else number)
            if number < 0:
                break
            ids.append(number)


def test_a_text_is_drawn_from_the_likeliest_words() -> None:
    part, _ = head()
    one, again = (part.generate(given(), generator=torch.Generator().manual_seed(3), top_p=0.9) for _ in range(2))
    assert torch.equal(one.ids_BT, again.ids_BT)
    greedy = part.generate(given(), generator=torch.Generator().manual_seed(3), top_p=1e-6)
    assert torch.equal(greedy.ids_BT, part.generate(given()).ids_BT)


def test_it_writes_about_the_states_of_a_question() -> None:
    part, fuser = head(reads="fused.joint")
    joint = fuser({**given()}, Batch([]))["joint"]
    logits = part({**given(), "joint": joint}, Batch([]))["logits"]
    torch.testing.assert_close(logits, fuser.written(IDS[:, :-1], joint.tokens_BTD, joint.mask_BT))
    with pytest.raises(PortError, match="no tokens"):
        part({**given(), "joint": Features(torch.zeros(2, 16))}, Batch([]))


def test_another_fuser_has_no_weights_to_share() -> None:
    with pytest.raises(PortError, match="std/cross-attention"):
        SharedDecoder(built={"fuser": torch.nn.Identity(), "encoders.caption": Texts()})
