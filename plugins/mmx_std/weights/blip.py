"""Published BLIP models through transformers' classes: captioning, question answering, retrieval.

Each of the parts below reads the same folder or hub id, and keeps what it needs of the model there.

Shape legend: B batch, T words, P places, D width, C answers, S side of the image, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from mmx import AssetError, Batch, Features, LazyFields
from mmx_std.encoders.text import tokenizers
from mmx_std.heads.decoders import search as text_search
from mmx_std.ops import pixels, ports

CAPTIONS: Final = "BlipForConditionalGeneration"
ANSWERS: Final = "BlipForQuestionAnswering"
PAIRS: Final = "BlipForImageTextRetrieval"


class PublishedImage(nn.Module):
    """The image network of a published BLIP model; tokens are the class token and the patches, pooled is the first.

    Args:
        model: Hub id (`Salesforce/blip-image-captioning-base`, `Salesforce/blip-vqa-base`,
            `Salesforce/blip-itm-base-coco`) or a local folder.

    Raises:
        AssetError: There is no such model, or it is none of BLIP's.
    """

    modality = "image"

    def __init__(self, model: str) -> None:
        super().__init__()
        self.network = _network(model).vision_model
        self.image_size = int(self.network.config.image_size)
        self.out_dim = int(self.network.config.hidden_size)
        scale = _preprocessor(model)
        self.standardise = pixels.Standardise(
            [255 * value for value in scale["image_mean"]], [255 * value for value in scale["image_std"]]
        )

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S): the whole of it, bicubic."""
        return pixels.square_CHW(raw, self.image_size, fit="stretch", interpolation="bicubic")

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode images (B, 3, S, S)."""
        states_BPD = self.network(pixel_values=self.standardise(x)).last_hidden_state
        return Features(states_BPD[:, 0], states_BPD)


class PublishedText(nn.Module):
    """Texts as the ids that a published BLIP model reads, without weights: `layers["ids"]` (B, T).

    Args:
        model: Hub id or local folder, as that of the image.
        tokens: Longest text in tokens, first and last included.
    """

    modality = "text"
    out_dim = 1
    cacheable = False

    def __init__(self, model: str, *, tokens: Annotated[int, Field(ge=3)] = 40) -> None:
        super().__init__()
        self.longest = tokens
        self.tokenizer = _tokenizer(model, tokens)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into its ids, int64 (T,)."""
        ids_T: Tensor = self.tokenizer.encode(raw)
        return ids_T

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return ids (B, T), padding as 0."""
        real_BT = torch.ones_like(x, dtype=torch.bool) if mask_BT is None else mask_BT
        return Features(real_BT.sum(1, keepdim=True).float(), None, real_BT, {"ids": torch.where(real_BT, x, 0)})


class PublishedCaptions(nn.Module):
    """The decoder of a published captioning model, after its prompt.

    Args:
        model: Hub id (`Salesforce/blip-image-captioning-base`) or local folder.
        image: Encoder of the image (`std/blip-image`).
        caption: Encoder of true captions (`std/blip-text`).
        prompt: What every caption begins with; it is not part of what is written.
        tokens: Longest caption in tokens, the prompt not counted.
    """

    def __init__(
        self,
        model: str,
        *,
        image: str = "image",
        caption: str = "caption",
        prompt: str = "a picture of ",
        tokens: Annotated[int, Field(ge=1)] = 20,
    ) -> None:
        super().__init__()
        self.reads, self.caption, self.tokens = f"encoded.{image}", f"encoded.{caption}", tokens
        self.needs = (self.reads, self.caption)
        network = _network(model, CAPTIONS)
        self.decoder, config = network.text_decoder, network.config.text_config
        self.start, self.end = int(config.bos_token_id), int(config.sep_token_id)
        self.prompt = [self.start, *_tokenizer(model, 64).encode(prompt).tolist()[1:-1]]

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return `logits` (B, T, V) of each next word, given the true words before it."""
        ids_BT = ports.pick(fused, self.caption).layers["ids"][:, :-1].clone()
        ids_BT[:, 0] = self.start
        return {"logits": self._logits(ids_BT, ports.tokens_of(fused, self.reads))}

    @torch.no_grad()
    def generate(
        self, fused: Mapping[str, Features], *, beam: int = 1, length_penalty: float = 1.0
    ) -> text_search.Written:
        """Return a caption of each image, see `mmx_std.text_search`."""
        state: dict[str, Tensor] = {"places": ports.tokens_of(fused, self.reads)}
        prompt_T = torch.tensor(self.prompt[:-1], device=state["places"].device)
        state["words"] = prompt_T.expand(len(state["places"]), -1)
        options: dict[str, Any] = {"start": self.prompt[-1], "end": self.end, "never": (0, self.start)}
        return text_search.search(
            self._step, state, tokens=self.tokens, beam=beam, length_penalty=length_penalty, **options
        )

    def _step(self, word_N: Tensor, state: text_search.State) -> tuple[Tensor, text_search.State, None]:
        words_NT = torch.cat([state["words"], word_N[:, None]], 1)
        return self._logits(words_NT, state["places"])[:, -1], {**state, "words": words_NT}, None

    def _logits(self, ids_NT: Tensor, places_NPD: Any) -> Tensor:
        told = self.decoder(
            input_ids=ids_NT,
            attention_mask=torch.ones_like(ids_NT),
            encoder_hidden_states=places_NPD,
            encoder_attention_mask=torch.ones(places_NPD.shape[:2], device=ids_NT.device),
            use_cache=False,
        )
        logits_NTV: Tensor = told.logits
        return logits_NTV


class PublishedAnswers(nn.Module):
    """Log-probabilities of answers, from a published model of question answering.

    Args:
        classes: The corpus's class names by target (filled in).
        model: Hub id (`Salesforce/blip-vqa-base`, `Salesforce/blip-vqa-capfilt-large`) or local folder.
        image: Encoder of the image.
        question: Encoder of the question (`std/blip-text`).
        target: Target whose class names are the answers.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        model: str,
        *,
        image: str = "image",
        question: str = "question",
        target: str = "label",
    ) -> None:
        super().__init__()
        self.image, self.question = f"encoded.{image}", f"encoded.{question}"
        self.needs = (self.image, self.question)
        network = _network(model, ANSWERS)
        self.encoder, self.decoder = network.text_encoder, network.text_decoder
        tokenizer = _tokenizer(model, 64)
        encoded = [tokenizer.encode(str(name)) for name in ports.class_names(classes, target)]
        ids_CT = pad_sequence(encoded, batch_first=True, padding_value=0)
        ids_CT[:, 0] = int(network.config.text_config.bos_token_id)
        self.ids_CT: Tensor
        self.register_buffer("ids_CT", ids_CT)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return log-probabilities (B, C) of all answers, their ends included; questions are read one by one."""
        places_BPD, ids_BT = ports.tokens_of(fused, self.image), ports.pick(fused, self.question).layers["ids"]
        return torch.stack([self._answered(*each) for each in zip(places_BPD[:, None], ids_BT, strict=True)])

    def _answered(self, places_1PD: Tensor, ids_T: Tensor) -> Tensor:
        asked_1T = ids_T[: max(1, int((ids_T != 0).sum()))][None]
        states_1TD = _read(self.encoder, asked_1T, places_1PD)
        count = len(self.ids_CT)
        before_CT, truth_CT = self.ids_CT[:, :-1], self.ids_CT[:, 1:]
        logits_CTV = self.decoder(
            input_ids=before_CT,
            attention_mask=(before_CT != 0).long(),
            encoder_hidden_states=states_1TD.expand(count, -1, -1),
            encoder_attention_mask=torch.ones(count, states_1TD.shape[1], device=before_CT.device),
            use_cache=False,
        ).logits
        each_CT = functional.cross_entropy(logits_CTV.transpose(1, 2).float(), truth_CT, reduction="none")
        return -torch.where(truth_CT != 0, each_CT, 0.0).sum(1)


class PublishedPairs(nn.Module):
    """Contrastive features of a published retrieval model: `image_vector` and `text_vector`, of length 1.

    Args:
        model: Hub id (`Salesforce/blip-itm-base-coco`, `-large-coco`, `-base-flickr`) or local folder.
        image: Encoder of the image.
        text: Encoder of the text (`std/blip-text`).
    """

    def __init__(self, model: str, *, image: str = "image", text: str = "caption") -> None:
        super().__init__()
        network = _network(model, PAIRS)
        self.image, self.text = image, text
        self.encoder, self.vision_proj, self.text_proj = network.text_encoder, network.vision_proj, network.text_proj
        self.dims = {"image_vector": self.vision_proj.out_features, "text_vector": self.text_proj.out_features}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoder behind an output."""
        return [self.image if output == "image_vector" else self.text]

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the features that are asked for."""
        makers: dict[str, Any] = {
            "image_vector": lambda: self._unit(self.vision_proj(ports.tokens_of(features, self.image)[:, 0])),
            "text_vector": lambda: self._unit(self.text_proj(self._told(features)[:, 0])),
        }
        there = {"image_vector": self.image in features, "text_vector": self.text in features}
        return LazyFields({name: make for name, make in makers.items() if there[name]})

    def _told(self, features: Mapping[str, Features]) -> Tensor:
        return _read(self.encoder, ports.pick(features, self.text).layers["ids"], None)

    @staticmethod
    def _unit(x_BD: Tensor) -> Features:
        return Features(functional.normalize(x_BD, dim=-1))


class PublishedMatch(nn.Module):
    """Two logits, other and own, of a published retrieval model: does a text belong to an image?

    Args:
        model: Hub id or local folder, as `std/blip-pairs`.
        image: Encoder of the image.
        text: Encoder of the text (`std/blip-text`).
    """

    def __init__(self, model: str, *, image: str = "image", text: str = "caption") -> None:
        super().__init__()
        network = _network(model, PAIRS)
        self.image, self.text = f"encoded.{image}", f"encoded.{text}"
        self.needs = (self.image, self.text)
        self.encoder, self.itm_head = network.text_encoder, network.itm_head

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return logits (B, 2)."""
        ids_BT = ports.pick(fused, self.text).layers["ids"]
        logits_B2: Tensor = self.itm_head(_read(self.encoder, ids_BT, ports.tokens_of(fused, self.image))[:, 0])
        return logits_B2


def _read(encoder: Any, ids_BT: Tensor, places_BPD: Tensor | None) -> Tensor:
    """Return the states of texts, that have read an image where there is one."""
    real_BT = (ids_BT != 0).long()
    real_BT[:, 0] = 1
    image: dict[str, Any] = {}
    if places_BPD is not None:
        image = {
            "encoder_hidden_states": places_BPD,
            "encoder_attention_mask": torch.ones(places_BPD.shape[:2], device=ids_BT.device),
        }
    states_BTD: Tensor = encoder(input_ids=ids_BT, attention_mask=real_BT, **image).last_hidden_state
    return states_BTD


def _network(model: str, wanted: str | None = None) -> Any:
    """Return a published model of the class that its folder names.

    Raises:
        AssetError: It is not to be had, or of another class than the one wanted.
    """
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(model, trust_remote_code=False)
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"BLIP model {model!r} is neither a local folder nor to be had from the hub ({type(error).__name__}); give "
            "model=FOLDER with config.json, model.safetensors, tokenizer.json and preprocessor_config.json"
        ) from error
    named = str((getattr(config, "architectures", None) or ["none"])[0])
    if named not in (CAPTIONS, ANSWERS, PAIRS) or wanted not in (None, named):
        raise AssetError(f"BLIP model {model!r} is a {named}; wanted: {wanted or 'one of BLIP'}")
    try:
        return getattr(transformers, named).from_pretrained(model).eval()
    except Exception as error:
        raise AssetError(f"the weights of BLIP model {model!r} cannot be read ({type(error).__name__})") from error


def _tokenizer(model: str, limit: int) -> Any:
    from transformers import AutoTokenizer

    try:
        backend = AutoTokenizer.from_pretrained(model, trust_remote_code=False).backend_tokenizer
        return tokenizers.TextTokenizer(str(backend.to_str()), limit=limit)
    except Exception as error:
        raise AssetError(f"BLIP model {model!r} has no tokenizer.json ({type(error).__name__})") from error


def _preprocessor(model: str) -> Mapping[str, Sequence[float]]:
    """Return how a model's folder says that pixels are scaled."""
    from transformers.utils import cached_file

    try:
        content = json.loads(Path(cached_file(model, "preprocessor_config.json")).read_text("utf-8"))
        return {name: [float(value) for value in content[name]] for name in ("image_mean", "image_std")}
    except Exception as error:
        raise AssetError(f"BLIP model {model!r}: no preprocessor_config.json with image_mean and image_std") from error
