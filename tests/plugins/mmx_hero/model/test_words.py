"""Words that are asked for, and sentences that only look back and only at their moment."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_hero.model import rows
from mmx_hero.model.rows import View
from mmx_hero.model.words import Words, moments
from tests.plugins.mmx_hero.conftest import COLUMNS, TOKENS, batch_of, row, table

DIMS = {"fused.words": 8, "fused.clips": 8}
TABLE = torch.randn(20, 8, generator=torch.Generator().manual_seed(5))


def features(captions: torch.Tensor | None = None) -> dict[str, Features]:
    generator = torch.Generator().manual_seed(0)
    words, clips = torch.randn(2, 10, 8, generator=generator), torch.randn(2, 6, 8, generator=generator)
    mask = torch.ones(2, 6, dtype=torch.bool)
    found = {
        "words": Features(words.mean(1), words, None, {"table": TABLE}),
        "clips": Features(clips.mean(1), clips, mask),
    }
    return found if captions is None else {**found, "captions": rows.features(captions)}


def writer() -> Words:
    torch.manual_seed(0)
    head = Words(DIMS, built={}, vocabulary=20, captions="captions", heads=2, positions=8, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.4)
    return head


def test_only_hidden_words_are_told_with_the_models_own_table() -> None:
    head = Words(DIMS, built={}, vocabulary=20)
    labels = torch.full((2, 2, 5), -1)
    labels[0, 1, 2], labels[1, 0, 0] = 7, 9
    told = rows.with_view(Batch(["a", "b"]), View(labels_BSL=labels))
    found = head(features(), told)["masked"]
    tokens = features()["words"].tokens_BTD
    assert tokens is not None
    for place, state in enumerate((tokens[0, 7], tokens[1, 0])):
        hidden = head.norm(torch.nn.functional.gelu(head.dense(state)))
        assert torch.allclose(found[place], hidden @ TABLE.T + head.bias, atol=1e-6)
    assert head(features(), Batch(["a", "b"]))["masked"].shape == (2, 10, 20)
    assert head.needs == ("fused.words",)
    with pytest.raises(PortError, match="writes no captions"):
        head.next_logits(features(), table([row(0, 1, 2)], [row(0, 1, 2)]))


def test_a_moment_has_its_frames() -> None:
    found = moments(table([row(1.5, 4.5), row(0.0, 0.4)], lines=2), 6, 1.5)
    assert found[0].int().tolist() == [[0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]


def test_a_word_depends_on_words_before_and_on_its_moment_only() -> None:
    head = writer()
    said = table([row(1.5, 4.5, 2, 5, 6, 7)], [row(0.0, 9.0, 2, 5, 6, 7)], lines=1)
    before = head(features(said), Batch(["a", "b"]))["captions"]
    assert before.shape == (2, 1, TOKENS, 20)
    other = said.clone()
    other[0, 0, 3 + 2] = 11
    after = head(features(other), Batch(["a", "b"]))["captions"]
    assert torch.allclose(before[0, 0, :2], after[0, 0, :2], atol=1e-5)
    assert not torch.allclose(before[0, 0, 2], after[0, 0, 2], atol=1e-3)
    changed = features(said)
    clips = changed["clips"].tokens_BTD
    assert clips is not None
    moved = clips.clone()
    moved[:, 3:] = torch.randn(3, 8, generator=torch.Generator().manual_seed(9))
    changed["clips"] = Features(moved.mean(1), moved, changed["clips"].mask_BT)
    seen = head(changed, Batch(["a", "b"]))["captions"]
    assert torch.allclose(before[0], seen[0], atol=1e-5), "frames 1 and 2 are the same"
    assert not torch.allclose(before[1], seen[1], atol=1e-3)


def test_greedy_writing_is_what_step_by_step_reading_says() -> None:
    head = writer()
    spans = torch.tensor([[[1.5, 4.5]], [[0.0, 9.0]]])
    found = head.generate(features(), spans, start=2, end=3, tokens=4)
    for video in range(2):
        ids = [2]
        for _ in range(4):
            said = table([row(*spans[video, 0].tolist(), *ids)], lines=1).expand(2, -1, -1)
            following = int(head.next_logits(features(), said)[video, 0, len(ids) - 1].argmax())
            if following == 3:
                break
            ids.append(following)
        wanted = ids[1:]
        assert [i for i in found[video, 0].tolist() if i >= 0] == wanted[: found.shape[-1]]


def test_every_weight_of_the_decoder_learns() -> None:
    head = writer()
    said = table([row(1.5, 4.5, 2, 5, 6)], [row(0.0, 9.0, 2, 5)], lines=1)
    outputs = head(features(said), batch_of(torch.zeros(2, 6, COLUMNS)))
    (outputs["captions"].square().sum() + outputs["masked"].sum()).backward()
    assert [name for name, parameter in head.named_parameters() if parameter.grad is None] == []
