"""Tiny random detectors in the layouts of their published folders."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

from mmx_std.encoders.text.tokenizers import train_tokenizer

WORDS = ("a", "red", "blue", "green", "square", "circle", "cross", "triangle")


def _preprocessor(folder: Path, kind: str) -> None:
    scale = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28], "image_processor_type": kind}
    (folder / "preprocessor_config.json").write_text(json.dumps(scale))


def grounding_dino(folder: Path) -> None:
    """BERT's special ids stand where the published vocabulary has them: the model looks for them by number."""
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        SwinConfig,
    )

    vocabulary = [f"[unused{number}]" for number in range(1040)]
    vocabulary[0], vocabulary[100] = "[PAD]", "[UNK]"
    vocabulary[101], vocabulary[102], vocabulary[103], vocabulary[1012] = "[CLS]", "[SEP]", "[MASK]", "."
    vocabulary[1030:1038] = WORDS
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(
            vocab_size=1040, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        ),
        d_model=32, encoder_layers=1, encoder_ffn_dim=16, encoder_attention_heads=2, decoder_layers=2,
        decoder_ffn_dim=16, decoder_attention_heads=2, num_queries=12, max_text_len=32,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).eval().save_pretrained(folder)
    _preprocessor(folder, "GroundingDinoImageProcessor")


def owlv2(folder: Path) -> None:
    from transformers import Owlv2Config, Owlv2ForObjectDetection, PreTrainedTokenizerFast

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = Owlv2Config(
        text_config={**sizes, "vocab_size": 64, "max_position_embeddings": 16},
        vision_config={**sizes, "image_size": 64, "patch_size": 16},
        projection_dim=16,
    )
    Owlv2ForObjectDetection(config).eval().save_pretrained(folder)
    words = train_tokenizer([" ".join(WORDS)], kind="word", vocabulary=64, lowercase=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(words), pad_token="[PAD]")
    tokenizer.save_pretrained(folder)
    _preprocessor(folder, "Owlv2ImageProcessor")
