"""Released translation models in the layout of Marian's (OPUS-MT): encoder, true texts, and the decoder that writes.

Shape legend: B batch, N hypotheses, T words, P places that are attended to, D width, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, Batch, Features, PortError
from mmx_std import masking, ports, text_search, token_ids, tokenizers
from mmx_transformer.weights import vocabulary

__all__ = ["Released", "ReleasedIds", "ReleasedWords"]

Tokens = Annotated[int, Field(ge=3)]
_IMPOSSIBLE = -1e9
"""Logit of tokens that are never written; a finite one, because it is multiplied by zero in losses."""


class Released(nn.Module):
    """Encoder of a translation model with the weights and the source vocabulary of a release.

    Args:
        model: Hub id (`Helsinki-NLP/opus-mt-en-de`) or local folder with config.json, model.safetensors, vocab.json,
            source.spm and target.spm.
        tokens: Longest text in tokens, its end included; the rest is cut off.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub, or is no Marian model.
    """

    modality = "text"
    rows_V: Tensor

    def __init__(self, model: str = "Helsinki-NLP/opus-mt-en-de", *, tokens: Tokens = 128) -> None:
        super().__init__()
        from transformers import MarianMTModel

        found = _loaded(partial(MarianMTModel.from_pretrained, model, attn_implementation="eager"), model)
        words = vocabulary(_file(model, "source.spm"), _words(model), found.config, written=False, source=model)
        self.tokenizer = tokenizers.TextTokenizer(words.tokenizer, limit=tokens)
        self.register_buffer("rows_V", torch.tensor(words.rows), persistent=False)
        self.encoder = found.model.encoder
        self.rest = (found.model.decoder, found.lm_head, found.final_logits_bias[0])  # of the head, and not a part
        self.out_dim = int(found.config.d_model)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids and an end, int64 (T,)."""
        return self.tokenizer.encode(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, T)."""
        seen_BT = torch.ones_like(x, dtype=torch.bool) if mask_BT is None else mask_BT.clone()
        seen_BT[:, 0] = True  # attention to nothing is not a number
        ids_BT = self.rows_V[torch.where(seen_BT, x, tokenizers.PAD)]
        tokens_BTD = self.encoder(input_ids=ids_BT, attention_mask=seen_BT.long()).last_hidden_state
        tokens_BTD = masking.silence(tokens_BTD, mask_BT)
        return Features(masking.masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)


class ReleasedIds(token_ids.TokenIds):
    """The ids of true texts in the target vocabulary of a release.

    Args:
        model: Hub id or local folder, that of the encoder.
        tokens: Longest text in tokens, start and end included; the rest is cut off.

    Raises:
        AssetError: The model is neither a local folder nor to be had from the hub, or is no Marian model.
    """

    rows_V: Tensor
    first_V: Tensor

    def __init__(self, model: str = "Helsinki-NLP/opus-mt-en-de", *, tokens: Tokens = 128) -> None:
        from transformers import MarianConfig

        config = _loaded(partial(MarianConfig.from_pretrained, model), model)
        table = _words(model) if config.share_encoder_decoder_embeddings else _words(model, "target_vocab.json")
        words = vocabulary(_file(model, "target.spm"), table, config, written=True, source=model)
        super().__init__(None, vocabulary=len(words.rows), tokens=tokens)
        self.tokenizer = tokenizers.TextTokenizer(words.tokenizer, limit=tokens)
        self.register_buffer("rows_V", torch.tensor(words.rows), persistent=False)
        self.register_buffer("first_V", torch.tensor(words.first), persistent=False)


class ReleasedWords(nn.Module):
    """Writes a translation with the decoder of a release.

    Output, with the true text as input: `logits` (B, T, V), T words after the start.

    Args:
        built: Parts that are built already (filled in).
        source: Encoder, `transformer/released`.
        caption: Encoder of the true texts, `transformer/released-ids`.
    """

    rows_V: Tensor
    first_V: Tensor

    def __init__(self, *, built: Mapping[str, Any], source: str = "source", caption: str = "target") -> None:
        super().__init__()
        self.reads, self.caption = f"encoded.{source}", f"encoded.{caption}"
        self.needs = (self.reads, self.caption)
        texts = built[f"encoders.{caption}"]
        self.longest = int(texts.longest)
        self.decoder, self.said, bias_V = built[f"encoders.{source}"].rest
        for name, value in (("rows_V", texts.rows_V), ("first_V", texts.first_V), ("bias_V", bias_V)):
            self.register_buffer(name, value.clone(), persistent=False)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits of each next word, given the true words before it."""
        before_BT = ports.pick(fused, self.caption).layers["ids"][:, :-1]
        return {"logits": self._logits(before_BT, *self._read(fused))[0]}

    @torch.no_grad()
    def generate(
        self,
        fused: Mapping[str, Features],
        *,
        beam: int = 1,
        length_penalty: float = 1.0,
        length_offset: float = 0.0,
        generator: torch.Generator | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> text_search.Written:
        """Return a text for each item, see `std/decoder`; every word is computed from all words before it."""
        places_BPD, seen_BP = self._read(fused)
        none_B0 = seen_BP.long()[:, :0]
        state, tokens = {"places": places_BPD, "seen": seen_BP, "ids": none_B0}, self.longest - 1
        if generator is not None:
            return text_search.sample(self._step, state, tokens=tokens, generator=generator, top_k=top_k, top_p=top_p)
        ranked = partial(text_search.search, length_penalty=length_penalty, length_offset=length_offset)
        return ranked(self._step, state, tokens=tokens, beam=beam)

    def _step(self, word_N: Tensor, state: text_search.State) -> tuple[Tensor, text_search.State, Tensor]:
        ids_NT = torch.cat([state["ids"], word_N[:, None]], 1)
        logits_NTV, look_NP = self._logits(ids_NT, state["places"], state["seen"])
        return logits_NTV[:, -1], {**state, "ids": ids_NT}, look_NP

    def _logits(self, ids_NT: Tensor, places_NPD: Tensor, seen_NP: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, T, V), and where the last word looked: the last layer, averaged over heads (N, P)."""
        done = self.decoder(
            input_ids=self.rows_V[ids_NT],
            encoder_hidden_states=places_NPD,
            encoder_attention_mask=seen_NP.long(),
            output_attentions=True,
            use_cache=False,
        )
        logits_NTV = (self.said(done.last_hidden_state) + self.bias_V)[..., self.rows_V]
        looks_NP: Tensor = done.cross_attentions[-1].mean(1)[:, -1]
        return logits_NTV.masked_fill(~self.first_V, _IMPOSSIBLE), looks_NP

    def _read(self, fused: Mapping[str, Features]) -> tuple[Tensor, Tensor]:
        """Return the places (B, P, D), and which are real (B, P); the first one always is.

        Raises:
            PortError: There are none.
        """
        found = ports.pick(fused, self.reads)
        places_BPD = found.tokens_BTD
        if places_BPD is None:
            raise PortError(f"{self.reads} has no tokens to attend to; transformer/released has")
        seen_BP = torch.ones_like(places_BPD[..., 0], dtype=torch.bool) if found.mask_BT is None else found.mask_BT
        seen_BP = seen_BP.clone()
        seen_BP[:, 0] = True
        return places_BPD, seen_BP


def _words(model: str, name: str = "vocab.json") -> dict[str, int]:
    return {str(token): int(row) for token, row in json.loads(_file(model, name)).items()}


def _file(model: str, name: str) -> bytes:
    """Return the content of a file of a release."""
    from transformers.utils import cached_file

    return Path(_loaded(partial(cached_file, model, name), model)).read_bytes()


def _loaded(load: Any, model: str) -> Any:
    """Return what `load` returns; no code of the release's repository is run.

    Raises:
        AssetError: It fails.
    """
    try:
        return load()
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"translation model {model!r} is neither a local folder nor to be had from the hub "
            f"({type(error).__name__}); give model=FOLDER with config.json, model.safetensors, vocab.json, source.spm "
            "and target.spm"
        ) from error
