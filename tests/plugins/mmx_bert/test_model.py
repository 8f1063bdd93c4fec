"""BERT beside the model of the transformers library: the same numbers from the same weights, and the same sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.errors import AssetError
from mmx.model.build import Builder
from mmx.types import Batch
from mmx_bert.model import Next, Released, Words
from mmx_std.ops.tokens.corruption import vocabulary_of
from tests.plugins.mmx_bert.release import WORDS, released

PAIRS = [("The king plays.", "a song"), ("the queen played the king", "The song.")]


def test_a_release_gives_the_numbers_that_its_library_gives(tmp_path: Path) -> None:
    theirs = released(tmp_path)
    encoder = Released(None, str(tmp_path)).eval()
    ids = [encoder.prepare(pair) for pair in PAIRS]
    assert [WORDS[i] for i in ids[0]] == ["[CLS]", "the", "king", "play", "##s", ".", "[SEP]", "a", "song", "[SEP]"]
    x_BT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    real_BT = torch.nn.utils.rnn.pad_sequence([torch.ones(len(each)) for each in ids], batch_first=True) > 0
    types_BT = torch.tensor([[0] * 7 + [1] * 3 + [0] * (len(x_BT[0]) - 10), [0] * 8 + [1] * (len(x_BT[0]) - 8)])
    expected = theirs(input_ids=x_BT, attention_mask=real_BT.long(), token_type_ids=types_BT)
    about = {"built": {"encoders.text": encoder}}
    features, batch = encoder(x_BT, real_BT), Batch(["a", "b"])
    given = {"encoded.text": features}
    logits = Words({"encoded.text": 16}, **about)(given, batch)["logits"].view(*x_BT.shape, -1)
    torch.testing.assert_close(logits[real_BT], expected.prediction_logits[real_BT], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(Next(**about)(given, batch), expected.seq_relationship_logits, rtol=1e-4, atol=1e-4)


def test_the_special_tokens_are_those_of_the_release(tmp_path: Path) -> None:
    released(tmp_path)
    encoder = Released(None, str(tmp_path), tokens=6)
    words = vocabulary_of(encoder.tokenizer, len(WORDS))
    assert WORDS[words.mask] == "[MASK]" and WORDS[encoder.separator] == "[SEP]"
    assert {WORDS[i] for i in words.fixed_V.nonzero()[:, 0].tolist()} == {"[PAD]", "[CLS]", "[SEP]", "[MASK]"}
    assert {WORDS[i] for i in words.inside_V.nonzero()[:, 0].tolist()} == {"##s", "##ed"}
    assert len(encoder.prepare("the king played a song")) == 6


def test_what_is_no_release_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"config\.json, tokenizer\.json"):
        Released(None, str(tmp_path))


@pytest.mark.parametrize(("preset", "exact"), [("base", 110_106_428), ("large", 336_226_108)])
def test_the_sizes_are_those_of_the_released_models(
    preset: str, exact: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Weights of the released models with both heads of pre-training; the paper rounds them to 110 M and 340 M."""
    from transformers import BertConfig, BertForPreTraining

    catalog = Catalog.open(tmp_path_factory.mktemp("empty"))
    experiment = catalog.resolve("bert", preset=preset).experiment
    builder = Builder(catalog.plugins.registry, 0)
    about = {"classes": {"next": ("next", "random")}}
    with torch.device("meta"):
        encoder = builder.part(experiment.encoders["text"], "encoder", "encoders.text", corpus=None)
        dims, built = {"encoded.text": encoder.out_dim}, {"encoders.text": encoder}
        heads = [
            builder.part(each, "head", "heads", dims=dims, built=built, **about) for each in experiment.heads.values()
        ]
        width = encoder.out_dim
        sizes = {"hidden_size": width, "num_hidden_layers": len(encoder.blocks), "num_attention_heads": width // 64}
        theirs = BertForPreTraining(BertConfig(intermediate_size=4 * width, **sizes))
    found = {id(each): each.numel() for part in (encoder, *heads) for each in part.parameters()}
    assert sum(found.values()) == sum(each.numel() for each in theirs.parameters()) == exact
    assert exact == pytest.approx({"base": 110e6, "large": 340e6}[preset], rel=0.012)
