"""VL-BERT's embeddings, element by element and without padding; what is missing or tagged; the gain at zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.errors import ConfigError, PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.encoders.regions import Regions
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_std.fusers.single_stream import SingleStream
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions

WIDTH, COLUMNS = 8, 3
CORPUS = Captions(["is one red", "one", "two green things"])
WORDS = [[1, 6, 7, 2], [1, 5, 2, 6, 7, 2]]
"""A text, and a pair of texts: [CLS] words [SEP] (words [SEP])."""
ROWS = torch.rand(2, 3, 4 + COLUMNS, generator=torch.Generator().manual_seed(3)) + 0.1
REAL = torch.tensor([[True, True, False], [True, True, True]])


def text() -> TextTransformer:
    torch.manual_seed(0)
    options: dict[str, Any] = {"norm": "post", "entry_norm": False, "tokenizer": "word", "vocabulary": 16}
    return TextTransformer(CORPUS, "caption", width=WIDTH, depth=0, heads=2, tokens=12, **options).eval()


def parts(width: int = WIDTH, **changed: Any) -> tuple[TextTransformer, Regions, SingleStream]:
    words = text()
    regions = Regions(COLUMNS, width=width, geometry="sin-cos", waves=4, mask=True).eval()
    torch.nn.init.normal_(regions.mask)
    fuser = SingleStream(
        {"text": WIDTH, "regions": width}, built={"encoders.text": words}, layers=2, heads=2, gain=0.7, **changed
    ).eval()
    for table in (fuser.end, fuser.region, fuser.hidden, fuser.kind, fuser.absent):
        torch.nn.init.normal_(table.weight)
    return words, regions, fuser


def batch(rows: Tensor = ROWS) -> Batch:
    ids_BT = torch.tensor([each + [0] * (6 - len(each)) for each in WORDS])
    masks = {"text": ids_BT > 0, "regions": REAL}
    return Batch(["x", "y"], {"text": ids_BT, "regions": rows}, masks)


def encoded(words: TextTransformer, regions: Regions, given: Batch) -> dict[str, Features]:
    return {
        "text": words(given.inputs["text"], given.masks.get("text")),
        "regions": regions(given.inputs["regions"], given.masks.get("regions")),
    }


def normal(x: Tensor, gain: float = 1.0) -> Tensor:
    return gain * (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-12).sqrt()


def seamless(words: TextTransformer, regions: Regions, fuser: SingleStream, given: Batch, row: int) -> Tensor:
    """Return one sample's embedded elements, written down one after another, as the released code lays them out."""
    seen = regions(given.inputs["regions"][row, REAL[row]][None]).tokens_BTD[0]
    hidden = [False, *(given.inputs["regions"][row, REAL[row], 4:] == 0).all(-1).tolist()]
    position, elements = words.position.weight, []
    kinds = [*words.segment.weight, fuser.kind.weight[0]]
    second = 0
    for number, word in enumerate(WORDS[row]):
        visual = normal(fuser.to_text(seen[0]), 0.7)
        elements.append(words.token.weight[word] + visual + position[number] + kinds[second])
        second = 1 if word == 2 else second
    for one, blank in zip(seen, hidden, strict=True):
        token = (fuser.hidden if blank else fuser.region).weight[0]
        elements.append(token + normal(fuser.to_region(one), 0.7) + position[len(WORDS[row])] + kinds[2])
    elements.append(fuser.end.weight[0] + position[len(WORDS[row]) + 1] + kinds[2])
    return normal(torch.stack(elements))


@pytest.mark.parametrize("width", [WIDTH, 6])
def test_the_embeddings_are_those_of_the_released_code(width: int) -> None:
    words, regions, fuser = parts(width)
    assert isinstance(fuser, Fuser) and fuser.dims == {"text": WIDTH, "regions": WIDTH, "joint": WIDTH}
    rows = ROWS.clone()
    rows[1, 1, 4:] = 0
    given = batch(rows)
    found = fuser(encoded(words, regions, given), given)
    for row in range(2):
        x = seamless(words, regions, fuser, given, row)[None]
        states = fuser.encoder(x, torch.ones(x.shape[:2], dtype=torch.bool))[0]
        length, count = len(WORDS[row]), int(REAL[row].sum()) + 1
        torch.testing.assert_close(found["text"].tokens_BTD[row, :length], states[:length], atol=1e-5, rtol=1e-4)
        regions_NW = found["regions"].tokens_BTD[row, :count]
        torch.testing.assert_close(regions_NW, states[length : length + count], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found["joint"].pooled_BD[row], states[0], atol=1e-5, rtol=1e-4)
    assert not found["text"].tokens_BTD[0, 4:].any() and not found["regions"].tokens_BTD[0, 3:].any()
    assert found["regions"].layers["hidden"][1].tolist() == [False, True, False]


def test_training_begins_as_berts() -> None:
    """Gains of zero: what regions show changes nothing, and the gains have a gradient."""
    words, regions, fuser = parts()
    fuser = SingleStream({"text": WIDTH, "regions": WIDTH}, built={"encoders.text": words}, heads=2)
    assert not fuser.text_norm.weight.any() and not fuser.region_norm.weight.any()
    one, two = (fuser(encoded(words, regions, batch(rows)), batch(rows)) for rows in (ROWS, 2 * ROWS))
    torch.testing.assert_close(one["text"].tokens_BTD, two["text"].tokens_BTD)
    one["joint"].pooled_BD[:, 0].sum().backward()
    assert fuser.text_norm.weight.grad.any() and fuser.region_norm.weight.grad.any()


def test_what_is_masked_leaks_nowhere() -> None:
    words, regions, fuser = parts()
    hidden, other = ROWS.clone(), ROWS.clone()
    other[:, 1, 4:] = 5.0
    for rows in (hidden, other):
        rows[:, 1, 4:] = 0
    one, two = (fuser(encoded(words, regions, batch(rows)), batch(rows)) for rows in (hidden, other))
    torch.testing.assert_close(one["joint"].tokens_BTD, two["joint"].tokens_BTD)


def test_a_missing_image_is_a_learned_vector_and_no_region() -> None:
    words, regions, fuser = parts()
    given = replace(batch(), present={"regions": torch.tensor([True, False])})
    found = fuser(encoded(words, regions, given), given)
    alone = fuser({"text": encoded(words, regions, given)["text"]}, replace(given, present={}))
    torch.testing.assert_close(found["text"].tokens_BTD[1], alone["text"].tokens_BTD[1], atol=1e-5, rtol=1e-4)
    whole = fuser(encoded(words, regions, batch()), batch())
    torch.testing.assert_close(found["text"].tokens_BTD[0], whole["text"].tokens_BTD[0])
    assert set(alone) == {"text", "joint"} and set(fuser.requires("text")) == {"text", "regions"}
    only = SingleStream({"text": WIDTH}, built={"encoders.text": words}, heads=2)
    assert only.requires("joint") == ("text",)
    with pytest.raises(PortError, match="missing"):
        fuser({"regions": encoded(words, regions, given)["regions"]}, given)


def test_a_tagged_word_looks_like_its_region() -> None:
    words, regions, fuser = parts(tags=["one", "two"])
    one, two = words.tokenizer.id_of("one"), words.tokenizer.id_of("two")
    assert fuser.tagged_K.tolist() == [one, two]
    given = batch()
    given.inputs["text"][1, 1], given.inputs["text"][1, 3] = one, two
    given.inputs["text"][0, 1] = next(each for each in range(5, 12) if each not in (one, two))
    features = encoded(words, regions, given)
    seen_BNV, there_BN = features["regions"].tokens_BTD, torch.ones(2, 4, dtype=torch.bool)
    beside = fuser._beside(seen_BNV, there_BN, given.inputs["text"], features["text"].tokens_BTD)
    expected = normal(seen_BNV[1], 0.7)
    for place, region in enumerate([0, 1, 0, 2, 0, 0]):
        torch.testing.assert_close(beside[1, place], expected[region], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(beside[0, 1], normal(seen_BNV[0, 0], 0.7), atol=1e-5, rtol=1e-4)


def test_ablations_change_one_thing() -> None:
    words, regions, _ = parts()
    found = []
    for changed in ({}, {"whole": False}, {"shared": False}, {"gain": 1.0}):
        torch.manual_seed(1)
        fuser = SingleStream(
            {"text": WIDTH, "regions": WIDTH}, built={"encoders.text": words}, heads=2, **{"gain": 0.5, **changed}
        )
        torch.nn.init.normal_(words.position.weight, generator=torch.Generator().manual_seed(0))
        found.append(fuser(encoded(words, regions, batch()), batch())["joint"].pooled_BD)
    for place in range(1, 4):
        assert not torch.allclose(found[0], found[place], atol=1e-4)


def test_a_text_needs_its_tables() -> None:
    with pytest.raises(ConfigError, match="no encoder 'text'"):
        SingleStream({"caption": WIDTH}, built={})
    with pytest.raises(ConfigError, match="table of positions"):
        SingleStream({"text": WIDTH}, built={"encoders.text": torch.nn.Linear(1, 1)})
    words, regions, fuser = parts()
    given = batch()
    features = encoded(words, regions, given)
    with pytest.raises(PortError, match="'text' gives none"):
        fuser({**features, "text": Features(torch.zeros(2, WIDTH))}, given)
