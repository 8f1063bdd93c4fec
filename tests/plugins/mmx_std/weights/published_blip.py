"""Tiny random BLIP models in the layout of their published folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

WORDS = (
    "a",
    "picture",
    "of",
    "red",
    "blue",
    "green",
    "square",
    "circle",
    "cross",
    "triangle",
    "yes",
    "no",
    "what",
    "is",
)
SIDE = 32


def save(folder: Path, kind: str) -> Any:
    """Write a model of a class of transformers, and return it."""
    import transformers

    folder.mkdir()
    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "[DEC]", "[ENC]"])
    )
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    count = len(WORDS) + 7
    ids = {"bos_token_id": count - 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    text = {**sizes, **ids, "vocab_size": count, "max_position_embeddings": 48, "initializer_range": 0.4}
    vision = {**sizes, "image_size": SIDE, "patch_size": 16, "initializer_range": 0.4}
    config = transformers.BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=8)
    model = getattr(transformers, kind)(config).eval()
    model.save_pretrained(folder)
    scale = {
        "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28],
        "image_processor_type": "BlipImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(scale))
    return model
