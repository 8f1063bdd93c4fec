"""A tiny random translation model in the layout of Marian's releases, with SentencePiece files written by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import MarianConfig, MarianMTModel

SOURCE = {"▁the": -1.0, "▁cub": -2.0, "e": -3.0, "s": -3.5, "▁red": -2.5, "▁": -4.0, "c": -9.0, "u": -9.0, "b": -9.0}
TARGET = {"▁die": -1.0, "▁Würf": -2.0, "el": -2.0, "▁rot": -2.0, "e": -3.0, "n": -3.0, "▁": -4.0}
WORDS = [
    "</s>",
    "<unk>",
    "▁die",
    "▁the",
    "e",
    "▁",
    "s",
    "▁Würf",
    "el",
    "▁cub",
    "▁red",
    "▁rot",
    "n",
    ">>deu<<",
    "c",
    "u",
]
"""Rows of the table; `b` is a piece without a row, and the last row, of <pad>, is the start, too."""


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def field(number: int, value: Any) -> bytes:
    """Return a field of a protocol-buffer message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def spm(scores: Mapping[str, float], kind: int = 1) -> bytes:
    """Return a SentencePiece file: <unk>, </s>, the pieces, the kind of the model."""
    marks = [field(1, field(1, "<unk>") + field(2, 0.0) + field(3, 2)), field(1, field(1, "</s>") + field(3, 3))]
    pieces = [field(1, field(1, piece) + field(2, score)) for piece, score in scores.items()]
    return b"".join([*marks, *pieces, field(2, field(3, kind) + field(4, 300)), field(3, field(1, "identity"))])


def released(folder: Path, *, separate: bool = False) -> MarianMTModel:
    """Write the release into a folder, and return its model."""
    torch.manual_seed(3)
    folder.mkdir(parents=True, exist_ok=True)
    words = {word: row for row, word in enumerate([*WORDS, "<pad>"])}
    theirs = [*WORDS[:2], *sorted(TARGET), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps(words), encoding="utf-8")
    if separate:
        (folder / "target_vocab.json").write_text(json.dumps({w: n for n, w in enumerate(theirs)}), encoding="utf-8")
    (folder / "source.spm").write_bytes(spm(SOURCE))
    (folder / "target.spm").write_bytes(spm(TARGET))
    pad = words["<pad>"] if not separate else theirs.index("<pad>")
    config = MarianConfig(
        vocab_size=len(words), decoder_vocab_size=len(theirs) if separate else len(words),
        share_encoder_decoder_embeddings=not separate, tie_word_embeddings=not separate,
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=4,
        encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=32, activation_function="swish",
        scale_embedding=True, pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=None,
        init_std=0.3, dropout=0.1,
    )  # fmt: skip
    model = MarianMTModel(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "layer_norm" in name:
            torch.nn.init.normal_(parameter, mean=float("norm.weight" in name), std=0.2)
    model.final_logits_bias.normal_(std=0.5)
    model.final_logits_bias[0, 0] -= 4  # it does not end at once
    model.save_pretrained(folder)
    return model
