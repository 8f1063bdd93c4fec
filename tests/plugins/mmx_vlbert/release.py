"""Random tensors under the names and in the shapes of a release (vl-bert-base-prec.model), at any size."""

from __future__ import annotations

import torch
from torch import Tensor


def names(
    *, width: int, layers: int, words: int, positions: int, hidden: int, columns: int, classes: int, waves: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor; `waves` numbers stand for each coordinate of a box.

    As the public code makes them with precomputed features, masked words and masked regions, texts alone beside
    captions, and no pooler (its configurations base_prec_4x16G_fp32 and large_prec_4x16G_fp16).
    """
    shapes: dict[str, tuple[int, ...]] = {
        "image_feature_extractor.obj_downsample.1.weight": (width, 4 * waves + columns),
        "image_feature_extractor.obj_downsample.1.bias": (width,),
        "object_linguistic_embeddings.weight": (1, width),
        "object_mask_visual_embedding.weight": (1, columns),
        "object_mask_word_embedding.weight": (1, width),
        "aux_text_visual_embedding.weight": (1, width),
        "vlbert.word_embeddings.weight": (words, width),
        "vlbert.end_embedding.weight": (1, width),
        "vlbert.position_embeddings.weight": (positions, width),
        "vlbert.token_type_embeddings.weight": (3, width),
        "vlbert.mlm_head.predictions.bias": (words,),
        "vlbert.mlm_head.predictions.decoder.weight": (words, width),
        "vlbert.mvrc_head.region_cls_pred.weight": (classes, width),
        "vlbert.mvrc_head.region_cls_pred.bias": (classes,),
    }
    linear = {
        "vlbert.mlm_head.predictions.transform.dense": (width, width),
        "vlbert.mvrc_head.transform.dense": (width, width),
    }
    norms = ["vlbert.embedding_LayerNorm", "vlbert.visual_ln_text", "vlbert.visual_ln_object"]
    norms.append("vlbert.mlm_head.predictions.transform.LayerNorm")
    for number in range(layers):
        place = f"vlbert.encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear[f"{place}.attention.{part}"] = (width, width)
        linear[f"{place}.intermediate.dense"] = (hidden, width)
        linear[f"{place}.output.dense"] = (width, hidden)
        norms += [f"{place}.attention.output.LayerNorm", f"{place}.output.LayerNorm"]
    for name, (outputs, inputs) in linear.items():
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    for name in norms:
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return shapes


def drawn(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return random tensors, with the prefix that the release's names have; the table of words is there twice."""
    torch.manual_seed(5)
    found = {f"module.{name}": torch.randn(shape) * 0.3 for name, shape in shapes.items()}
    found["module.vlbert.mlm_head.predictions.decoder.weight"] = found["module.vlbert.word_embeddings.weight"]
    return found
