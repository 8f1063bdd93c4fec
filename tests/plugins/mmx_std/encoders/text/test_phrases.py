"""A prompt's tokens know their phrase; special tokens and full stops have none."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import DataError, PortError
from mmx_std.encoders.image import Conv2d
from mmx_std.encoders.text.phrases import Phrases
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_worlds.phrases import Phrases as World

WORLD = World(clips=40, val_clips=1, test_clips=1)


@pytest.fixture(scope="module")
def encoder() -> Phrases:
    torch.manual_seed(0)
    text = TextTransformer(WORLD, "prompt", width=16, depth=1, heads=2, tokenizer="word", vocabulary=64, tokens=14)
    return Phrases(text).eval()


def test_tokens_know_their_phrase(encoder: Phrases) -> None:
    prompt = encoder.prepare("A red square; blue circle.\na green cross")
    words = [encoder.text.tokenizer.decode([number]) for number in prompt[:, 0]]
    assert words == ["", "a", "red", "square", ".", "blue", "circle", ".", "a", "green", "cross", ".", ""]
    assert prompt[:, 1].tolist() == [0, 1, 1, 1, 0, 2, 2, 0, 3, 3, 3, 0, 0]
    found = encoder(prompt[None])
    assert found.layers["phrases"][0].tolist() == [-1, 0, 0, 0, -1, 1, 1, -1, 2, 2, 2, -1, -1]
    torch.testing.assert_close(found.tokens_BTD, encoder.text(prompt[None, :, 0]).tokens_BTD)


def test_padding_belongs_to_no_phrase(encoder: Phrases) -> None:
    prompt = encoder.prepare("red square. blue circle.")
    padded = torch.cat([prompt, torch.zeros(2, 2, dtype=torch.int64)])[None]
    mask = torch.tensor([[True] * len(prompt) + [False] * 2])
    found = encoder(padded, mask)
    assert found.layers["phrases"][0, -2:].tolist() == [-1, -1]
    torch.testing.assert_close(found.tokens_BTD[:, :-2], encoder(prompt[None]).tokens_BTD)


@pytest.mark.parametrize(
    ("prompt", "told"), [(" . ", "no phrase"), (3, "not int"), ("a red square. " * 9, "phrases fit; ask for fewer")]
)
def test_bad_prompts_are_one_line(encoder: Phrases, prompt: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        encoder.prepare(prompt)


def test_it_needs_a_text_encoder() -> None:
    with pytest.raises(PortError, match="text encoder with a tokenizer"):
        Phrases(Conv2d())
