"""A tiny random BERT in the layout of a release, whose special tokens have other ids than ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForPreTraining, PreTrainedTokenizerFast

WORDS = ("[PAD]", "the", "king", "play", "##s", "##ed", ".", "a", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "queen", "song")


def released(folder: Path) -> BertForPreTraining:
    """Write the release into a folder, and return its model."""
    torch.manual_seed(3)
    ids = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(word, ids[word]) for word in ("[CLS]", "[SEP]")],
    )
    marks: dict[str, Any] = {f"{kind}_token": f"[{kind.upper()}]" for kind in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=20,
        initializer_range=0.3,
    )
    model = BertForPreTraining(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.2)
    model.save_pretrained(folder)
    return model
