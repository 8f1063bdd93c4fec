"""What a head wrote is read by the tokenizer of the true texts, with where it looked at each word."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.types import Outputs
from mmx_std.heads.decoders.search import Written
from mmx_std.tasks.captions.writing import writer, written

WORDS = ["a", "dog", "barks"]


class Writes:
    reads = "fused.image"

    def generate(self, fused: Any, **knobs: Any) -> Written:
        self.given = (sorted(fused), knobs)
        maps = torch.arange(12.0).reshape(2, 3, 2)
        return Written(torch.tensor([[0, 1, -1], [0, 1, 2]]), torch.tensor([-0.5, -2.0]), maps)


def model(head: Any) -> Any:
    def decode(ids: list[int]) -> str:
        return " ".join(WORDS[number] for number in ids)

    tokenizer = SimpleNamespace(decode=decode)
    return SimpleNamespace(heads={"words": head}, encoders={"caption": SimpleNamespace(tokenizer=tokenizer)})


def test_padding_is_no_word_and_has_no_map() -> None:
    head = Writes()
    both: Any = Outputs({"caption": None}, {"image": None}, {})
    one, two = written(model(head), "heads.words", "caption", both, beam=3)
    assert head.given == (["caption", "image"], {"beam": 3})
    assert (one.text, list(one.words), one.log_p) == ("a dog", ["a", "dog"], -0.5)
    assert two.text == "a dog barks" and two.maps_TP is not None and two.maps_TP.shape == (3, 2)
    assert one.maps_TP is not None and one.maps_TP.tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_a_head_that_does_not_write_is_named() -> None:
    with pytest.raises(PortError, match=r"heads.words does not write; .*std/decoder"):
        writer(model(nn.Linear(2, 2)), "heads.words")
