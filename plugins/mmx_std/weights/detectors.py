"""Published open-vocabulary detectors through transformers: Grounding DINO, MM Grounding DINO, OWL-ViT, OWLv2.

Shape legend: B batch, Q regions (queries or patches), T tokens, P phrases, S side of the image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, Batch, DataError, Features
from mmx_std.encoders.text.phrases import numbered
from mmx_std.ops import pixels
from mmx_std.ops.grounding import phrases
from mmx_std.ops.grounding.boxes import from_centres
from mmx_std.ops.ports import pick

__all__ = ["Detector", "DetectorImage", "DetectorPrompt"]

_TOKENS: Final = 16
"""Longest phrase of OWL's models in tokens, which is what they were trained with."""


class DetectorImage(nn.Module):
    """What a published detector takes of an image: the whole of it, at one side and scaled as its folder says.

    `layers["pixels"]` holds (B, 3, S, S); pooled is the mean colour. It has no weights.

    Args:
        model: Hub id (`IDEA-Research/grounding-dino-tiny`, `google/owlv2-base-patch16-ensemble`) or a local folder.
        image_size: S; OWL's models take their own (960 or 768) only.
    """

    modality = "image"
    out_dim = 3
    cacheable = False

    def __init__(self, model: str, *, image_size: Annotated[int, Field(ge=8)] = 800) -> None:
        super().__init__()
        self.image_size = image_size
        scale = _preprocessor(model)
        self.standardise = pixels.Standardise(
            [255 * value for value in scale["image_mean"]], [255 * value for value in scale["image_std"]]
        )

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3), padded to a square by the task, into uint8 (3, S, S)."""
        return pixels.square_CHW(raw, self.image_size, fit="stretch")

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Scale images (B, 3, S, S)."""
        seen = self.standardise(x)
        return Features(seen.mean((2, 3)), layers={"pixels": seen})


class DetectorPrompt(nn.Module):
    """A prompt as a published detector reads it, without weights.

    Grounding DINO reads all phrases as one text with full stops: `layers` hold `ids` and `phrases` (B, T), -1 for none.
    OWL's models read each phrase alone: `ids` (B, P, 16), zeros where there is no phrase.

    Args:
        model: Hub id or local folder, as that of the image.
    """

    modality = "text"
    out_dim = 1
    cacheable = False

    def __init__(self, model: str) -> None:
        super().__init__()
        self.alone = _alone(model)
        self._tokenizer = _tokenizer(model)

    def prepare(self, raw: Any) -> Tensor:
        """Turn a prompt into int64 (T, 2), ids and the number of the phrase from 1; or (P, 16).

        Raises:
            DataError: It is no text, or has no phrase.
        """
        listed = phrases.split(raw.lower()) if isinstance(raw, str) else []
        if not listed:
            raise DataError('the prompt has no phrase; write e.g. "a dog. a ball."')
        if not self.alone:
            return numbered(self._encode, listed)
        return torch.stack([self._padded(phrase) for phrase in listed])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return what `prepare` made."""
        real_BT = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask_BT is None else mask_BT
        layers = {"ids": x} if self.alone else {"ids": x[..., 0], "phrases": x[..., 1] - 1}
        return Features(real_BT.sum(1, keepdim=True).float(), None, mask_BT, {**layers, "real": real_BT})

    def _encode(self, text: str) -> Tensor:
        return torch.tensor(self._tokenizer(text, truncation=True)["input_ids"], dtype=torch.int64)

    def _padded(self, phrase: str) -> Tensor:
        found = self._tokenizer(phrase, truncation=True, padding="max_length", max_length=_TOKENS)
        return torch.tensor(found["input_ids"], dtype=torch.int64)


class Detector(nn.Module):
    """A published detector as a head of `std/grounding`: `boxes` (B, Q, 4) and `scores` (B, Q, P).

    A phrase of Grounding DINO has the best of its tokens' probabilities, as in its own post-processing.

    Args:
        model: Hub id or local folder; no code of it is run.
        image: Encoder of the image (`std/detector-image`).
        prompt: Encoder of the prompt (`std/detector-prompt`).

    Raises:
        AssetError: There is no such model, or it is none that finds phrases.
    """

    def __init__(self, model: str, *, image: str = "image", prompt: str = "prompt") -> None:
        super().__init__()
        self.image, self.prompt = f"encoded.{image}", f"encoded.{prompt}"
        self.needs = (self.image, self.prompt)
        self.alone = _alone(model)
        self.network = _network(model)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return boxes and scores; images are shown to the detector one by one, which keeps memory low."""
        seen, asked = pick(fused, self.image).layers["pixels"], pick(fused, self.prompt).layers
        each = [
            self._owl(seen[row : row + 1], asked["ids"][row])
            if self.alone
            else self._dino(seen[row : row + 1], asked, row)
            for row in range(len(seen))
        ]
        widest = max(scores_QP.shape[1] for _, scores_QP in each)
        scores = [nn.functional.pad(scores_QP, (0, widest - scores_QP.shape[1])) for _, scores_QP in each]
        return {"boxes": torch.stack([boxes_Q4 for boxes_Q4, _ in each]), "scores": torch.stack(scores)}

    def _owl(self, seen_1CSS: Tensor, ids_PT: Tensor) -> tuple[Tensor, Tensor]:
        told = self.network(input_ids=ids_PT, pixel_values=seen_1CSS, attention_mask=(ids_PT > 0).long())
        return from_centres(told.pred_boxes[0]).clamp(0, 1), told.logits[0].sigmoid()

    def _dino(self, seen_1CSS: Tensor, asked: Mapping[str, Tensor], row: int) -> tuple[Tensor, Tensor]:
        real_T = asked["real"][row]
        ids_1T, of_T = asked["ids"][row][real_T][None], asked["phrases"][row][real_T]
        told = self.network(pixel_values=seen_1CSS, input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T))
        each_QT = told.logits[0, :, : ids_1T.shape[1]].sigmoid()
        count = max(1, int(of_T.max()) + 1)
        best = [each_QT[:, of_T == number].amax(1) for number in range(count) if (of_T == number).any()]
        scores_QP = torch.stack(best, 1) if best else each_QT.new_zeros(len(each_QT), 1)
        return from_centres(told.pred_boxes[0]).clamp(0, 1), scores_QP


@lru_cache(maxsize=4)
def _config(model: str) -> Any:
    from transformers import AutoConfig

    return _loaded(AutoConfig, model)


def _alone(model: str) -> bool:
    """Return whether a model reads phrase by phrase."""
    return str(_config(model).model_type) in ("owlvit", "owlv2")


def _tokenizer(model: str) -> Any:
    from transformers import AutoTokenizer

    return _loaded(AutoTokenizer, model)


def _network(model: str) -> Any:
    from transformers import AutoModelForZeroShotObjectDetection

    return _loaded(AutoModelForZeroShotObjectDetection, model).eval()


def _preprocessor(model: str) -> Mapping[str, Sequence[float]]:
    """Return how a model's folder says that pixels are scaled."""
    from transformers.utils import cached_file

    try:
        content = json.loads(Path(cached_file(model, "preprocessor_config.json")).read_text("utf-8"))
        return {name: [float(value) for value in content[name]] for name in ("image_mean", "image_std")}
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(f"detector {model!r}: no preprocessor_config.json with image_mean and image_std") from error


def _loaded(kind: Any, model: str) -> Any:
    try:
        return kind.from_pretrained(model, trust_remote_code=False)
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"detector {model!r} is neither a local folder nor to be had from the hub, or finds no phrases "
            f"({type(error).__name__}); give model=FOLDER with config.json, model.safetensors, tokenizer.json and "
            "preprocessor_config.json"
        ) from error
