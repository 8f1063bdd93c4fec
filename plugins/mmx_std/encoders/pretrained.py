"""Text models of the transformers library: by hub id or folder, or as a small random model of the same class."""

from __future__ import annotations

from typing import Any

from mmx import AssetError, ConfigError, did_you_mean

_TINY = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32}
_FEED_FORWARD = ("intermediate_size", "hidden_dim", "n_inner", "d_ff")


def load_transformer(model: str) -> tuple[Any, str]:
    """Load a pretrained text model and its tokenizer's JSON. No code of the model's repository is run.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub, or has no fast tokenizer.
    """
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        backbone = AutoModel.from_pretrained(model, trust_remote_code=False)
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"text model {model!r} is neither a local folder nor to be had from the hub ({type(error).__name__}); "
            "give model=FOLDER with config.json, tokenizer.json and model.safetensors, "
            "or tiny=true for a small random one"
        ) from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise AssetError(f"text model {model!r} has no tokenizer.json; mmx reads no other kind")
    return text_part(backbone), str(backend.to_str())


def tiny_transformer(model: str, vocabulary: int, tokens: int) -> Any:
    """Build a random model of the class that `model` names: two layers, width 32.

    Args:
        model: Model type (`bert`), or a hub id that contains one (`distilbert-base-uncased`).
        vocabulary: Rows of its token table.
        tokens: Longest input it must take.

    Raises:
        ConfigError: No model type is recognised.
    """
    from transformers import CONFIG_MAPPING, AutoModel

    known = list(CONFIG_MAPPING.keys())
    name = model.rpartition("/")[2].lower()
    kind = name if name in known else max((k for k in known if k in name), key=len, default=None)
    if kind is None:
        raise ConfigError([f"model: no model type in {model!r}{did_you_mean(name, known)}; with tiny, give e.g. bert"])
    kind = {"clip": "clip_text_model", "siglip": "siglip_text_model"}.get(kind, kind)
    sizes = {"vocab_size": vocabulary, "max_position_embeddings": tokens + 8, **_TINY}
    config = CONFIG_MAPPING[kind](**sizes, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    for attribute in _FEED_FORWARD:
        if hasattr(config, attribute):
            setattr(config, attribute, 64)
    return text_part(AutoModel.from_config(config))


def text_part(backbone: Any) -> Any:
    """Return the text encoder without a pooler: the text tower, the encoder of an encoder-decoder, or the model."""
    if hasattr(backbone, "text_model") and hasattr(backbone, "vision_model"):
        return backbone.text_model
    part = backbone.get_encoder() if backbone.config.is_encoder_decoder else backbone
    if getattr(part, "pooler", None) is not None:
        part.pooler = None  # it is never read: its weights would wait for a gradient that cannot come
    return part
