"""One vocabulary for all texts: trained on the corpus, or from a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmx.errors import AssetError, DataError, PortError
from mmx.types import Cue
from mmx_hero.model.texts import Choices, TimedText
from mmx_hero.model.vocabulary import pretrained, words_of

from .test_texts import Talk, timed


def test_the_vocabulary_is_made_of_all_texts_and_shared() -> None:
    texts = list(words_of(Talk(), None))
    assert texts == ["who sings? ", " Anna ", " Ben", "Anna waters the tree & sings."]
    assert list(words_of(Talk(), ["question"])) == texts[:3]
    with pytest.raises(PortError, match="no texts 'frames'"):
        list(words_of(Talk(), ["frames"]))
    first, second = timed(), Choices(Talk(), vocabulary=60, tokens=8)
    assert torch.equal(first.tokenizer.vocabulary, second.tokenizer.vocabulary)


def test_a_pretrained_tokenizer_comes_from_a_folder(tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=timed().tokenizer._tokenizer).save_pretrained(str(tmp_path))
    part = TimedText(None, str(tmp_path), tokens=8, lines=1)
    assert torch.equal(part.prepare((Cue(0, 1, "anna"),))[0], timed(lines=1).prepare((Cue(0, 1, "anna"),))[0])
    with pytest.raises(AssetError, match="none of word, bpe"):
        pretrained(str(tmp_path / "none"))
    with pytest.raises(DataError, match="empty"):
        TimedText(None).prepare((Cue(0, 1, "x"),))
