"""One vocabulary for all texts: trained on the corpus, or from a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmx.errors import AssetError, ConfigError, DataError, PortError
from mmx.types import Cue
from mmx_hero.model.texts import Choices, TimedText
from mmx_hero.model.vocabulary import pretrained, tokens_of, words_of

from .test_texts import Talk, timed


def test_the_vocabulary_is_made_of_all_texts_and_shared() -> None:
    texts = list(words_of(Talk(), None))
    assert texts == ["who sings? ", " Anna ", " Ben", "Anna waters the tree & sings."]
    assert list(words_of(Talk(), ["question"])) == texts[:3]
    with pytest.raises(PortError, match="no texts 'frames'"):
        list(words_of(Talk(), ["frames"]))
    first, second = timed(), Choices(Talk(), built={}, vocabulary=60, tokens=8)
    assert torch.equal(first.tokenizer.vocabulary, second.tokenizer.vocabulary)


def test_the_number_of_tokens_is_set_once() -> None:
    first = timed(vocabulary=12)
    built = {"encoders.subtitles": first}
    assert (first.vocabulary, Choices(Talk(), built=built, tokens=8).vocabulary) == (12, 12)
    assert TimedText(Talk(), built={}).vocabulary == 4096
    assert tokens_of(built, "encoders.subtitles", None) == 12
    assert tokens_of(built, "encoders.subtitles", 640) == 640
    with pytest.raises(ConfigError, match=r"not those of encoders\.subtitles"):
        TimedText(Talk(), built=built, vocabulary=8)
    with pytest.raises(PortError, match=r"encoders\.subtitle has none .* did you mean 'encoders\.subtitles'"):
        tokens_of(built, "encoders.subtitle", None)


def test_a_pretrained_tokenizer_comes_from_a_folder(tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=timed().tokenizer._tokenizer).save_pretrained(str(tmp_path))
    part = TimedText(None, str(tmp_path), built={}, tokens=8, lines=1)
    assert torch.equal(part.prepare((Cue(0, 1, "anna"),))[0], timed(lines=1).prepare((Cue(0, 1, "anna"),))[0])
    with pytest.raises(AssetError, match="none of word, bpe"):
        pretrained(str(tmp_path / "none"))
    with pytest.raises(DataError, match="empty"):
        TimedText(None, built={}).prepare((Cue(0, 1, "x"),))
