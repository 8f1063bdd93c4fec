"""Candidates behind their question: ids by hand, the fuser's own numbers for each, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import ConfigError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_std.encoders.regions import Regions
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_std.fusers.single_stream import SingleStream
from mmx_std.heads.choices import Choice, joined
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions

CORPUS = Captions(["what is it", "it is one", "it is two green things"])
ASKED = ["what is it", "it is"]
CANDIDATES = [["one", "two green things", "it"], ["green", "one"]]


def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    same: dict[str, Any] = {"tokenizer": "word", "vocabulary": 24}
    text = TextTransformer(
        CORPUS, "caption", width=8, depth=0, heads=2, norm="post", entry_norm=False, tokens=20, **same
    )
    regions = Regions(3, width=8, geometry="sin-cos", waves=4)
    built: dict[str, Any] = {"encoders.text": text, "encoders.regions": regions}
    built["encoders.candidates"] = TokenIds(CORPUS, "caption", tokens=8, several=True, **same)
    dims = {"text": 8, "regions": 8, "candidates": 1}
    built["fuser"] = SingleStream(dims, built=built, layers=1, heads=2, gain=1.0)
    return built


def batch(built: dict[str, Any]) -> Batch:
    def padded(rows: list[torch.Tensor]) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

    asked = [built["encoders.text"].prepare(each) for each in ASKED]
    given = [built["encoders.candidates"].prepare(each) for each in CANDIDATES]
    masks = {"text": padded(asked) > 0, "candidates": padded([torch.ones(len(each)) for each in given]) > 0}
    rows = torch.rand(2, 2, 7, generator=torch.Generator().manual_seed(1)) + 0.1
    return Batch(["a", "b"], {"text": padded(asked), "candidates": padded(given), "regions": rows}, masks)


def encoded(built: dict[str, Any], given: Batch) -> dict[str, Features]:
    names = ("text", "candidates", "regions")
    return {f"encoded.{name}": built[f"encoders.{name}"](given.inputs[name], given.masks.get(name)) for name in names}


def test_ids_are_joined_without_a_second_beginning() -> None:
    asked = torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0]])
    given = torch.tensor([[[1, 5, 2, 0], [1, 6, 6, 2]], [[1, 4, 2, 0], [0, 0, 0, 0]]])
    real = asked > 0
    rows = [[1, 7, 8, 2, 5, 2, 0], [1, 7, 8, 2, 6, 6, 2], [1, 9, 2, 4, 2, 0, 0], [1, 9, 2, 0, 0, 0, 0]]
    assert joined(asked, real, given).tolist() == rows
    real[1] = False
    assert joined(asked, real, given)[2].tolist() == [1, 4, 2, 0, 0, 0, 0], "without a question it stands alone"


def test_each_candidate_is_scored_as_if_it_were_alone() -> None:
    built = parts()
    head = Choice({"fused.joint": 8}, built=built)
    assert isinstance(head, Head) and set(head.needs) == {"encoded.text", "encoded.candidates", "encoded.regions"}
    assert not [name for name, _ in head.named_parameters() if not name.startswith("score.")]
    given = batch(built)
    scores = head(encoded(built, given), given)
    assert scores.shape == (2, 3) and scores[1, 2] == -torch.inf
    text, fuser = built["encoders.text"], built["fuser"]
    for row, texts in enumerate(CANDIDATES):
        for column, candidate in enumerate(texts):
            ids = text.prepare((ASKED[row], candidate))[None]
            regions = built["encoders.regions"](given.inputs["regions"][row : row + 1])
            alone = Batch(["x"], {"text": ids})
            joint = fuser({"text": text(ids), "regions": regions}, alone)["joint"].pooled_BD
            torch.testing.assert_close(scores[row, column], head.score(joint)[0, 0], atol=1e-5, rtol=1e-4)
    scores[:, 0].sum().backward()
    assert text.token.weight.grad.any() and fuser.region.weight.grad.any(), "encoders and fuser learn"


def test_what_is_missing() -> None:
    built = parts()
    head, given = Choice({"fused.joint": 8}, built=built), batch(built)
    given.present = {"text": torch.tensor([True, False]), "regions": torch.tensor([False, True])}
    scores = head(encoded(built, given), given)
    ids = built["encoders.text"].prepare("green")[None]
    regions = built["encoders.regions"](given.inputs["regions"][1:])
    joint = built["fuser"]({"text": built["encoders.text"](ids), "regions": regions}, Batch(["x"], {"text": ids}))
    torch.testing.assert_close(scores[1, 0], head.score(joint["joint"].pooled_BD)[0, 0], atol=1e-5, rtol=1e-4)
    given.inputs["candidates"] = torch.zeros_like(given.inputs["candidates"])
    assert torch.isfinite(head(encoded(built, given), given)).all()


def test_candidates_need_the_vocabulary_of_the_question() -> None:
    built = parts()
    built["encoders.candidates"] = TokenIds(Captions(["other words"]), "caption", tokenizer="word", several=True)
    with pytest.raises(ConfigError, match="another vocabulary"):
        Choice({"fused.joint": 8}, built=built)
    with pytest.raises(ConfigError, match="several"):
        Choice({"fused.joint": 8}, built={**built, "encoders.candidates": built["encoders.text"]})
