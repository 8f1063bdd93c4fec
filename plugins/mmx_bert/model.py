"""BERT's released weights: the encoder, and the two heads of its pre-training.

Shapes: B batch, T tokens, D width, V words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor, nn

from mmx import AssetError, Batch, Corpus, Features
from mmx_std import bert_layout, masked_heads, ports, text_transformer, tokenizers, weight_files

__all__ = ["Next", "Released", "Words", "encoder_weights", "head_weights"]

_TABLES: Final = {"token": "word_embeddings", "position": "position_embeddings", "segment": "token_type_embeddings"}


class Released(text_transformer.TextTransformer):
    """BERT with the weights and the tokenizer of a release, such as `bert-base-uncased`.

    Args:
        corpus: Not read: the tokenizer is the release's.
        model: Hub id or local folder in the layout of transformers, with the heads of pre-training.
        tokens: Longest input in tokens; None: as many as the release has positions.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub, or is no BERT.
    """

    def __init__(self, corpus: Corpus | None, model: str = "bert-base-uncased", *, tokens: int | None = None) -> None:
        found, serialized = _load(model)
        config, tensors = found.config, found.state_dict()
        super().__init__(
            None,
            width=config.hidden_size,
            depth=config.num_hidden_layers,
            heads=config.num_attention_heads,
            norm="post",
            pooling="pooler",
            hidden=config.intermediate_size,
            dropout=config.hidden_dropout_prob,
            epsilon=config.layer_norm_eps,
            vocabulary=config.vocab_size,
            tokens=config.max_position_embeddings,
        )
        own = encoder_weights(tensors, config.num_hidden_layers)
        weight_files.load_exactly(self, own, model, optional=[name for name in self.state_dict() if name not in own])
        self.tokenizer = tokenizers.TextTokenizer(serialized, limit=tokens or config.max_position_embeddings)
        self.separator = int(self.tokenizer.id_of("[SEP]") or self.separator)
        self.released = head_weights(tensors)


class Words(masked_heads.MaskedWords):
    """Names hidden words with the weights of a release.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).
        reads: Features with tokens.
        text: Encoder, `bert/released`.
    """

    def __init__(
        self, dims: Mapping[str, int], *, built: Mapping[str, Any], reads: str = "encoded.text", text: str = "text"
    ) -> None:
        super().__init__(dims, built=built, reads=reads, text=text)
        given = built[f"encoders.{text}"].released["words"]
        weight_files.load_exactly(self, given, "the release", optional=["table.weight"])


class Next(nn.Module):
    """Tells whether the second text is the next one, with the weights of a release. Output: logits (B, 2).

    Args:
        built: Parts that are built already (filled in).
        reads: Features that it reads.
        text: Encoder, `bert/released`.
    """

    def __init__(self, *, built: Mapping[str, Any], reads: str = "encoded.text", text: str = "text") -> None:
        super().__init__()
        self.reads = ports.qualify(reads, "encoded")
        self.needs = (self.reads,)
        encoder = built[f"encoders.{text}"]
        self.layer = nn.Linear(encoder.out_dim, 2)
        weight_files.load_exactly(self.layer, encoder.released["next"], "the release")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return the logits: 0 is next, 1 is random."""
        logits_B2: Tensor = self.layer(ports.pick(fused, self.reads).pooled_BD)
        return logits_B2


def encoder_weights(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Return the release's tensors under the names of `std/text-transformer`."""
    given = dict(tensors)
    names = {own: f"bert.embeddings.{name}" for own, name in _TABLES.items()}
    names |= {"entry": "bert.embeddings.LayerNorm", "pooler": "bert.pooler.dense"}
    blocks = [f"blocks.{number}" for number in range(layers)]
    return {
        **bert_layout.take_modules(given, names),
        **bert_layout.take_layers(given, "bert.encoder.layer", blocks, block=True),
    }


def head_weights(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of the two heads of pre-training under the names of ours: `words` and `next`."""
    words = {"bias": tensors["cls.predictions.bias"]}
    following = {}
    for kind in ("weight", "bias"):
        words[f"dense.{kind}"] = tensors[f"cls.predictions.transform.dense.{kind}"]
        words[f"norm.{kind}"] = tensors[f"cls.predictions.transform.LayerNorm.{kind}"]
        following[kind] = tensors[f"cls.seq_relationship.{kind}"]
    return {"words": words, "next": following}


def _load(model: str) -> tuple[Any, str]:
    """Return a release and its tokenizer's JSON; no code of its repository is run."""
    from transformers import AutoTokenizer, BertForPreTraining

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        found = BertForPreTraining.from_pretrained(model)
        serialized = str(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"BERT {model!r} is neither a local folder nor to be had from the hub ({type(error).__name__}); "
            "give model=FOLDER with config.json, tokenizer.json and model.safetensors"
        ) from error
    return found, serialized
