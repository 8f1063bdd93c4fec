"""Texts as rows: capitals, entities, limits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import pytest
import torch

from mmx.errors import DataError
from mmx.testing.parts.encoders import check_encoder
from mmx.types import Card, Cue, Sample
from mmx_hero.model import rows
from mmx_hero.model.texts import Choices, TimedText
from mmx_std.encoders.text.tokenizers import SEP, UNKNOWN


class Talk:
    """A corpus with a subtitle, a query and a question."""

    fields: Mapping[str, str] = {"subtitles": "cues", "queries": "cues", "question": "text", "frames": "video"}
    targets: Mapping[str, Sequence[str] | None] = {}
    card = Card(title="talk", summary="talk", licence="CC0-1.0")
    digest = "talk-1"

    def split(self, name: str) -> Sequence[Sample]:
        cues = (Cue(0.0, 1.0, "Anna waters the tree &amp; sings."),)
        return [Sample("a", {"subtitles": cues, "queries": (), "question": "who sings? | Anna | Ben"}), Sample("b", {})]


def timed(**options: int) -> TimedText:
    return TimedText(Talk(), built={}, **{"vocabulary": 60, "tokens": 8, "lines": 3, **options})


def test_a_row_has_times_a_separator_and_tokens() -> None:
    part = timed()
    found = part.prepare((Cue(1.5, 2.25, "Anna waters the tree"), Cue(3.0, 4.0, "")))
    assert found.shape == (3, 11)
    assert found.dtype == torch.float32
    assert found[0, :4].tolist() == [1.5, 2.25, 5.0, SEP]
    assert found[1, :4].tolist() == [3.0, 4.0, 1.0, SEP]
    assert not found[2].any()
    words = part.tokenizer.encode("anna waters the tree").tolist()
    assert found[0, 4:8].tolist() == words
    assert UNKNOWN not in words


def test_capitals_and_entities() -> None:
    part = timed()
    plain = part.prepare((Cue(0, 1, "anna & tree"),))
    assert torch.equal(part.prepare((Cue(0, 1, "ANNA &amp; TREE"),)), plain)


def test_what_does_not_fit_is_left_out() -> None:
    part = timed()
    nine = tuple(Cue(i, i + 1, "the tree " * 20) for i in range(9))
    with pytest.warns(UserWarning, match="9 texts, of which hero/timed-text takes the first 3"):
        long = part.prepare(nine)
    with warnings.catch_warnings():  # said once
        warnings.simplefilter("error")
        part.prepare(nine)
    assert long[:, rows.COUNT].tolist() == [8.0] * 3
    for raw in ("text", [1], (Cue(0, 1, "x"), "y")):
        with pytest.raises(DataError, match="tuple of Cue"):
            part.prepare(raw)


def test_a_question_has_a_row_per_candidate() -> None:
    part = Choices(Talk(), built={}, vocabulary=60, tokens=8, candidates=3)
    found = part.prepare("who sings? | Anna | Ben")
    who, anna, ben = (part.tokenizer.encode(text).tolist() for text in ("who sings?", "anna", "ben"))
    assert found[0, 3 : 3 + 6].tolist() == [SEP, *who, SEP, *anna]
    assert found[1, 3 : 3 + 6].tolist() == [SEP, *who, SEP, *ben]
    assert found[:, rows.COUNT].tolist() == [6, 6, 0]
    assert part.prepare("Anna sings")[:, rows.COUNT].tolist() == [3, 0, 0]
    assert not part.prepare("").any()
    with pytest.raises(DataError, match="4 candidate answers; this model takes 3"):
        part.prepare("x | a | b | c | d")
    with pytest.raises(DataError, match="a question is a text"):
        part.prepare(3)


def test_contracts() -> None:
    for make in (lambda seed: timed(), lambda seed: Choices(Talk(), built={}, vocabulary=60, tokens=8)):
        assert [finding for finding in check_encoder(make) if not finding.ok] == []
