"""The two towers of CLIP with their projections, as the transformers library has them: published or random weights.

Shapes: B batch, T tokens or patches, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, ConfigError, Corpus, Features
from mmx_std.encoders.text.tokenizers import CLS, PAD, SEP, Kind, TextTokenizer, corpus_tokenizer
from mmx_std.ops.masking import silence
from mmx_std.ops.pixels import Standardise, square_CHW
from mmx_std.weights.clip import clip_tower
from mmx_std.weights.weight_files import load_exactly

Positive = Annotated[int, Field(ge=1)]
Activation = Literal["quick_gelu", "gelu"]
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""Of the pixels (0..1) that the published weights were trained on."""


class ClipText(nn.Module):
    """CLIP's text tower: causal, read at the end token, projected (Radford et al., 2021, section 2.4).

    Args:
        corpus: Read only without `model`: its `train` split trains the tokenizer.
        model: Hub id (`openai/clip-vit-base-patch32`) or local folder of published weights, with their tokenizer; None
            for random weights of the sizes below.
        weights: File of open_clip, or ImageBind's, whose text tower is CLIP's; with the sizes below and CLIP's own ids:
            `words`.
        words: Hub id or local folder of the tokenizer; None trains one on the corpus.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        width: Width of the tower.
        depth: Blocks.
        heads: Attention heads.
        out: Width of the projection.
        tokenizer: `word` or `bpe`, see `mmx_std.encoders.text.tokenizers`.
        vocabulary: Rows of the token table: largest number of different tokens.
        tokens: Longest input in tokens, specials included; the end token survives the cut.
        activation: Between the layers of a block; published weights bring their own.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        model: str | None = None,
        *,
        weights: str | None = None,
        words: str | None = None,
        texts: str | None = None,
        width: Positive = 512,
        depth: Positive = 12,
        heads: Positive = 8,
        out: Positive = 512,
        tokenizer: Kind = "bpe",
        vocabulary: Positive = 49408,
        tokens: Annotated[int, Field(ge=3)] = 77,
        activation: Activation = "quick_gelu",
    ) -> None:
        super().__init__()
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        if model is not None:
            self.tower = _published(CLIPTextModelWithProjection, model)
            self.tokenizer = TextTokenizer(_tokenizer(model), limit=self.tower.config.max_position_embeddings)
        else:
            sizes = {**_sizes(width, depth, heads, out), "hidden_act": activation}
            special = {"pad_token_id": PAD, "bos_token_id": CLS, "eos_token_id": SEP}
            config = CLIPTextConfig(vocab_size=vocabulary, max_position_embeddings=tokens, **sizes, **special)
            self.tower = CLIPTextModelWithProjection(config)
            if weights is not None:
                load_exactly(self.tower, clip_tower(weights, "text"), weights)
            if words is not None:
                self.tokenizer = TextTokenizer(_tokenizer(words), limit=tokens)
            else:
                self.tokenizer = corpus_tokenizer(
                    corpus, texts, kind=tokenizer, vocabulary=vocabulary, lowercase=True, limit=tokens
                )
        self.out_dim = int(self.tower.config.projection_dim)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids with specials, int64 (T,)."""
        return self.tokenizer.encode(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T); tokens are those before the projection."""
        real_BT = torch.ones_like(x, dtype=torch.bool) if mask_BT is None else mask_BT.clone()
        real_BT[:, 0] = True  # attention to nothing is not a number
        states_BTD = self.tower.text_model(input_ids=x, attention_mask=real_BT.long()).last_hidden_state
        # The end token is the last real one. The library's own pooler takes the largest id where a model says that its
        # end token is 2, as the published ones do wrongly; ours is 2.
        last_B = real_BT.sum(dim=1) - 1
        pooled_BD = self.tower.text_projection(states_BTD[torch.arange(len(x), device=x.device), last_B])
        return Features(pooled_BD, silence(states_BTD, mask_BT), mask_BT)


class ClipImage(nn.Module):
    """CLIP's vision transformer with its projection.

    The modified ResNets are timm's: `{use: timm, model: resnet50_clip, classifier: true}`.

    Args:
        model: Hub id (`openai/clip-vit-base-patch32`) or local folder of published weights; None for random weights of
            the sizes below.
        weights: File of open_clip, or ImageBind's, whose image tower is CLIP's, with the sizes below.
        width: Width of the tower.
        depth: Blocks.
        heads: Attention heads.
        patch: Side of a patch in pixels.
        image_size: Side of the input in pixels.
        out: Width of the projection.
        activation: Between the layers of a block; published weights bring their own.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub.
        ConfigError: The image is no whole number of patches.
    """

    modality = "image"

    def __init__(
        self,
        model: str | None = None,
        *,
        weights: str | None = None,
        width: Positive = 768,
        depth: Positive = 12,
        heads: Positive = 12,
        patch: Positive = 32,
        image_size: Positive = 224,
        out: Positive = 512,
        activation: Activation = "quick_gelu",
    ) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        if model is not None:
            self.tower = _published(CLIPVisionModelWithProjection, model)
        else:
            if image_size % patch:
                raise ConfigError([f"image_size: {image_size} is no multiple of patch {patch}"])
            sizes = {**_sizes(width, depth, heads, out), "hidden_act": activation}
            self.tower = CLIPVisionModelWithProjection(
                CLIPVisionConfig(patch_size=patch, image_size=image_size, **sizes)
            )
            if weights is not None:
                load_exactly(self.tower, clip_tower(weights, "vision"), weights)
        self.image_size = int(self.tower.config.image_size)
        self.out_dim = int(self.tower.config.projection_dim)
        self.standardise = Standardise([255 * value for value in MEAN], [255 * value for value in STD])

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S): bicubic, the centre square."""
        return square_CHW(raw, self.image_size, fit="crop", interpolation="bicubic")

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode images (B, 3, S, S) with values 0..255 of any dtype; tokens are the patches before the projection."""
        found = self.tower(pixel_values=self.standardise(x))
        return Features(found.image_embeds, found.last_hidden_state[:, 1:])


def _sizes(width: int, depth: int, heads: int, out: int) -> Mapping[str, Any]:
    if width % heads:
        raise ConfigError([f"heads: {heads} does not divide width {width}"])
    return {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "projection_dim": out,
    }


def _published(tower: Any, model: str) -> Any:
    try:
        return tower.from_pretrained(model)
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"CLIP model {model!r} is neither a local folder nor to be had from the hub ({type(error).__name__}); "
            "give model=FOLDER with config.json, tokenizer.json and model.safetensors"
        ) from error


def _tokenizer(model: str) -> str:
    from transformers import AutoTokenizer

    try:
        return str(AutoTokenizer.from_pretrained(model, trust_remote_code=False).backend_tokenizer.to_str())
    except Exception as error:
        raise AssetError(f"CLIP model {model!r} has no tokenizer.json ({type(error).__name__})") from error
