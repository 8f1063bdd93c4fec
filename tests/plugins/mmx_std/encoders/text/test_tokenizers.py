from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import nn

from mmx.errors import ConfigError, DataError, PortError
from mmx.types import Card, Cue, Sample
from mmx_std.encoders.text.tokenizers import (
    CLS,
    PAD,
    SEP,
    SPECIALS,
    UNKNOWN,
    TextTokenizer,
    corpus_texts,
    train_tokenizer,
    words_in,
)

TEXTS = ["A red cube falls.", "a blue ball rolls over the red floor", "Two balls, one cube; no floor!"] * 3


class Captions:
    """A corpus of captions that counts which splits are read."""

    def __init__(self, texts: Sequence[Any] = TEXTS, fields: Mapping[str, str] | None = None) -> None:
        self.texts = texts
        self.fields = fields or {"caption": "text", "image": "image"}
        self.targets: dict[str, None] = {}
        self.card = Card("Captions", "Captions for tests.", "CC0-1.0")
        self.digest = "captions"
        self.read: list[str] = []

    def split(self, name: str) -> Sequence[Sample]:
        self.read.append(name)
        return [Sample(str(i), {"caption": text, "other": "never"}) for i, text in enumerate(self.texts)]


def tokenizer(kind: str = "bpe", limit: int = 64, specials: bool = True, vocabulary: int = 300) -> TextTokenizer:
    serialized = train_tokenizer(TEXTS, kind=kind, vocabulary=vocabulary)  # type: ignore[arg-type]
    return TextTokenizer(serialized, limit=limit, specials=specials)


@pytest.mark.parametrize("kind", ["bpe", "word", "wordpiece"])
def test_specials_stand_where_they_should(kind: str) -> None:
    one = tokenizer(kind).encode("a red cube").tolist()
    assert (one[0], one[-1]) == (CLS, SEP)
    assert set(one[1:-1]).isdisjoint(range(5))
    pair = tokenizer(kind).encode(["a red cube", "the floor"]).tolist()
    assert pair[: len(one)] == one
    assert (pair.count(SEP), pair[-1]) == (2, SEP)
    assert tokenizer(kind).encode("").tolist() == [CLS, SEP]
    assert tokenizer(kind, specials=False).encode("").tolist() == []
    assert PAD == 0


def test_bytes_bring_back_any_text() -> None:
    words = tokenizer()
    for text in ("a red cube", "zażółć gęślą jaźń", "子供 👩‍👩‍👧 \x00 tab\t.", "🦓" * 3):
        assert words.decode(words.encode(text)).strip() == text
        assert UNKNOWN not in words.encode(text)


def test_unknown_words_are_unknown_and_known_ones_are_not() -> None:
    words = tokenizer("word", specials=False)
    ids = words.encode("red xylophone cube").tolist()
    assert ids[1] == UNKNOWN
    assert UNKNOWN not in (ids[0], ids[2])
    assert words.decode(words.encode("A RED cube")) == "a red cube"


@pytest.mark.parametrize("kind", ["bpe", "word", "wordpiece"])
@pytest.mark.parametrize("text", ["\ud800 lone", "\x00", "a" * 50_000, "\u202e\ufeff"])
def test_strange_text_is_safe(kind: str, text: str) -> None:
    ids = tokenizer(kind, limit=16).encode(text)
    assert 2 <= len(ids) <= 16
    assert (int(ids[0]), int(ids[-1])) == (CLS, SEP)


@pytest.mark.parametrize("raw", [3, None, ["a", 4], ["a", "b", "c"], b"bytes", []])
def test_what_is_no_text_is_refused(raw: object) -> None:
    with pytest.raises(DataError, match="a text or a pair of texts"):
        tokenizer().encode(raw)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["bpe", "word", "wordpiece"])
def test_training_is_the_same_in_another_process(kind: str) -> None:
    program = (
        "import sys; from mmx_std.encoders.text.tokenizers import train_tokenizer;"
        f"sys.stdout.write(train_tokenizer({TEXTS!r}, kind={kind!r}, vocabulary=300))"
    )
    for seed in ("1", "2"):
        environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed}
        output = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert output.stdout == train_tokenizer(TEXTS, kind=kind, vocabulary=300)  # type: ignore[arg-type]


def test_the_vocabulary_lives_in_the_checkpoint(tmp_path: Path) -> None:
    trained = nn.ModuleDict({"words": tokenizer("word")})
    save_model(trained, str(tmp_path / "model.safetensors"))
    for waiting in (TextTokenizer(None, limit=64), tokenizer("bpe")):  # an empty one, and one of another length
        restored = nn.ModuleDict({"words": waiting})
        load_model(restored, str(tmp_path / "model.safetensors"))
        assert waiting.encode("one red ball").tolist() == trained["words"].encode("one red ball").tolist()  # type: ignore[operator]


def test_an_empty_tokenizer_names_what_it_needs() -> None:
    with pytest.raises(DataError, match="give the encoder a corpus"):
        TextTokenizer(None, limit=8).encode("hello")


def test_it_travels_to_data_workers() -> None:
    words = tokenizer()
    assert torch.equal(pickle.loads(pickle.dumps(words)).encode("a red cube"), words.encode("a red cube"))


@pytest.mark.parametrize(("kind", "least"), [("bpe", 261), ("word", 6)])
def test_the_vocabulary_has_room_for_the_specials(kind: str, least: int) -> None:
    with pytest.raises(ConfigError, match=f"at least {least}"):
        train_tokenizer(TEXTS, kind=kind, vocabulary=least - 1)  # type: ignore[arg-type]
    ids = TextTokenizer(train_tokenizer(TEXTS, kind=kind, vocabulary=least), limit=64).encode("a red cube")  # type: ignore[arg-type]
    assert int(ids.max()) < least
    assert len(SPECIALS) == 5


def test_only_the_train_split_is_read() -> None:
    corpus = Captions()
    assert list(corpus_texts(corpus)) == TEXTS
    assert list(corpus_texts(corpus, "caption")) == TEXTS
    assert corpus.read == ["train", "train"]


def test_missing_texts_are_skipped_and_several_are_all_read() -> None:
    assert list(corpus_texts(Captions(["one", None, ["two", "three"]]))) == ["one", "two", "three"]
    cues = (Cue(0.0, 1.0, "four"), Cue(1.0, 2.0, "five"))
    assert list(corpus_texts(Captions(["one", cues]), "caption")) == ["one", "four", "five"]


def test_a_large_corpus_is_sampled_evenly() -> None:
    read = list(corpus_texts(Captions([str(i) for i in range(50_000)])))
    assert read == [str(i) for i in range(0, 50_000, 3)]


def test_a_corpus_without_the_field_gets_a_suggestion() -> None:
    with pytest.raises(PortError, match="did you mean 'caption'"):
        list(corpus_texts(Captions(), "captions"))
    with pytest.raises(PortError, match=r"needs a text field; this corpus has image \(image\)"):
        list(corpus_texts(Captions(fields={"image": "image"})))


def test_unknown_words_are_named() -> None:
    texts = ["a dog barks", "rain on a roof"]
    words = TextTokenizer(train_tokenizer(texts, kind="word", vocabulary=64), limit=8)
    assert words.unknown_words('The dog "qwertz", rain! zxcv') == ["The", "qwertz", "zxcv"]
    assert TextTokenizer(train_tokenizer(texts, kind="bpe", vocabulary=300), limit=8).unknown_words("qwertz") == []
    assert TextTokenizer(None, limit=8).unknown_words("qwertz") == []


def test_texts_without_any_word_of_the_training_texts_are_named_with_bytes_too() -> None:
    texts = ["The dog barks.", "rain on the roof"]
    serialized = train_tokenizer(texts, kind="bpe", vocabulary=300)
    pieces = TextTokenizer(serialized, limit=8, words=words_in(texts, serialized))
    assert pieces.unknown_words("Qwertz, zxcv") == ["Qwertz", "zxcv"]
    assert pieces.unknown_words("DOG zxcv") == []
    assert pieces.unknown_words("...") == []
    restored = TextTokenizer(None, limit=8)
    restored.load_state_dict(pieces.state_dict())
    assert restored.unknown_words("qwertz dogs") == ["qwertz", "dogs"]
    older = {name: value for name, value in pieces.state_dict().items() if name != "words"}
    restored.load_state_dict(older)
    assert restored.unknown_words("qwertz") == []
    assert torch.equal(restored.encode("a dog"), pieces.encode("a dog"))


def test_word_pieces_inside_a_word_are_marked_and_join_again() -> None:
    own = tokenizer("wordpiece", vocabulary=60)
    names = own.tokens()
    pieces = [names[number] for number in own.encode("reds rolled")[1:-1].tolist()]
    assert not pieces[0].startswith("##") and pieces[1].startswith("##")
    assert "".join(piece.removeprefix("##") for piece in pieces) == "redsrolled"
    assert own.decode(own.encode("a red cube")) == "a red cube"
    assert own.id_of("[MASK]") == 3 and own.id_of("nothing") is None


def test_marks_of_the_tokenizer_are_no_unknown_words() -> None:
    assert tokenizer("word").unknown_words("a [MASK] cube over Paris") == ["Paris"]
