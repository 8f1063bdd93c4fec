"""Image encoders: any timm model by name, and a small convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, ConfigError, Features, UnknownNameError, did_you_mean
from mmx_std.ops.pixels import Fit, Standardise, centre_CHW, square_CHW
from mmx_std.weights.weight_files import load_exactly, read_tensors

Positive = Annotated[int, Field(ge=1)]
Widths = Annotated[Sequence[Positive], Field(min_length=1)]


class Timm(nn.Module):
    """Any image model of the timm library, as features or as a classifier (a teacher).

    Tokens are the places of the last map (row by row), or the patches of a vision transformer; `pooled_BD` is what the
    model's own classifier would read, or the mean of the tokens where that has another width. With `classifier`,
    `pooled_BD` is the classifier's logits and there are no tokens.

    Args:
        model: Name in timm, e.g. `tf_efficientnet_lite0` (`timm.list_models()`).
        weights: None for random weights, `hub` for timm's own pretrained ones, else a local file: safetensors or a
            torch state dict under timm's names.
        classifier: Return the logits of the model's classes as `pooled_BD`.
        image_size: Side of the input in pixels; default: the model's own.
        mean: Subtracted from pixels of 0..255, one number or one per channel; default: the model's own.
        std: Pixels are divided by it after that; default: the model's own.
        fit: `crop` takes the centre square, `stretch` shows the whole image.
        crop: Share of the side that is shown; default: the model's own, 1 with `stretch`.
        stage: Tokens are the places of this map of timm's feature pyramid, counted from 0, instead of the last one, and
            `pooled_BD` is their mean (VGG's stage 4 is conv5 before its pooling, 14 x 14 of 224 pixels).
        hidden: `pooled_BD` is the hidden layer before the classifier, where it is wider than the last map: the 4,096
            units (fc7) of VGG.

    Raises:
        UnknownNameError: timm has no such model.
        AssetError: The weights cannot be had, or do not fit.
    """

    modality = "image"

    def __init__(
        self,
        model: str,
        weights: str | None = None,
        *,
        classifier: bool = False,
        image_size: Positive | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        fit: Fit = "crop",
        crop: Annotated[float, Field(gt=0, le=1)] | None = None,
        stage: Annotated[int, Field(ge=0)] | None = None,
        hidden: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = _timm_model(model, weights, image_size)
        config = self.backbone.pretrained_cfg
        if not classifier:
            self.backbone.reset_classifier(0)
        self.classifier = classifier
        self.width = int(self.backbone.num_features)
        self.stage = stage
        if stage is not None:
            self.width = _stage_width(self.backbone, model, stage, classifier)
        self.hidden = hidden
        if hidden and (classifier or stage is not None):
            raise ConfigError(["hidden: the hidden layer, the logits (classifier) or a map (stage): one of the three"])
        pooled = int(getattr(self.backbone, "head_hidden_size", self.width)) if hidden else self.width
        self.out_dim = int(self.backbone.num_classes) if classifier else pooled
        self.image_size = image_size or int(config["input_size"][-1])
        self.fit = fit
        self.crop = crop or (1.0 if fit == "stretch" else float(config.get("crop_pct") or 1.0))
        self.interpolation = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
        self.standardise = Standardise(
            [255 * value for value in config["mean"]] if mean is None else mean,
            [255 * value for value in config["std"]] if std is None else std,
        )

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S)."""
        if self.fit == "crop":
            return centre_CHW(raw, self.image_size, crop=self.crop, interpolation=self.interpolation)
        return square_CHW(raw, self.image_size, fit=self.fit, crop=self.crop, interpolation=self.interpolation)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode images (B, 3, S, S) with values 0..255 of any dtype; there is nothing to mask."""
        if self.stage is not None:
            (map_BDHW,) = self.backbone.forward_intermediates(
                self.standardise(x), indices=[self.stage], intermediates_only=True, output_fmt="NCHW"
            )
            tokens_BTD = map_BDHW.flatten(2).transpose(1, 2)
            return Features(tokens_BTD.mean(1), tokens_BTD)
        maps = self.backbone.forward_features(self.standardise(x))
        if self.classifier:
            return Features(self.backbone.forward_head(maps))
        tokens_BTD = _places(maps, self.width, int(getattr(self.backbone, "num_prefix_tokens", 0)))
        pooled_BD = self.backbone.forward_head(maps, pre_logits=True)
        if (
            not self.hidden and pooled_BD.shape[1] != self.width
        ):  # some models widen again between the last map and the classifier
            pooled_BD = tokens_BTD.mean(1)
        return Features(pooled_BD, tokens_BTD)


class Conv2d(nn.Module):
    """A small convolutional network, trained from scratch in seconds: 3x3 kernels, each stage at half the resolution.

    Tokens are the places of the last map (row by row); `pooled_BD` is their mean.

    Args:
        widths: Channels of each stage.
        depth: Convolutions per stage; the first of them halves the resolution.
        norm: Normalisation after each convolution.
        image_size: Side of the input in pixels.
        fit: `crop` takes the centre square, `stretch` shows the whole image.
    """

    modality = "image"

    def __init__(
        self,
        widths: Widths = (32, 64, 128, 128),
        depth: Positive = 1,
        *,
        norm: Literal["batch", "group", "none"] = "batch",
        image_size: Positive = 64,
        fit: Fit = "crop",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for stage in widths:
            for index in range(depth):
                layers.append(nn.Conv2d(width, stage, 3, stride=2 if index == 0 else 1, padding=1, bias=norm == "none"))
                layers.append(_norm(norm, stage))
                layers.append(nn.ReLU(inplace=True))
                width = stage
        self.layers = nn.Sequential(*layers)
        self.out_dim = width
        self.image_size = image_size
        self.fit = fit
        self.standardise = Standardise(127.5, 127.5)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S)."""
        return square_CHW(raw, self.image_size, fit=self.fit)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode images (B, 3, S, S) with values 0..255 of any dtype; there is nothing to mask."""
        tokens_BTD = self.layers(self.standardise(x)).flatten(2).transpose(1, 2)
        return Features(tokens_BTD.mean(1), tokens_BTD)


def _norm(kind: str, width: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(gcd(8, width), width) if kind == "group" else nn.Identity()


def _timm_model(name: str, weights: str | None, image_size: int | None) -> Any:
    import timm  # brings torchvision: only those who use it wait for it

    if not timm.is_model(name.partition(".")[0]):
        raise UnknownNameError(f"timm {timm.__version__} has no model {name!r}{did_you_mean(name, timm.list_models())}")
    options: dict[str, Any] = {}
    if image_size is not None and (timm.get_pretrained_cfg_value(name, "fixed_input_size") or False):
        options["img_size"] = image_size
    if weights is None:
        return timm.create_model(name, **options)
    if weights == "hub":
        try:
            return timm.create_model(name, pretrained=True, **options)
        except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
            raise AssetError(
                f"cannot get the weights of timm model {name!r} from the hub ({type(error).__name__}); "
                f"give a local file instead: weights=PATH"
            ) from error
    tensors = read_tensors(weights)
    with torch.device("meta"):
        head = str(timm.create_model(name, **options).pretrained_cfg.get("classifier"))
    if f"{head}.weight" in tensors:
        options["num_classes"] = len(tensors[f"{head}.weight"])
    model = timm.create_model(name, **options)
    load_exactly(model, tensors, weights)
    return model


def _stage_width(backbone: Any, model: str, stage: int, classifier: bool) -> int:
    """Return the channels of a map of the feature pyramid."""
    stages = list(getattr(backbone, "feature_info", ()))
    if classifier or not hasattr(backbone, "forward_intermediates") or stage >= len(stages):
        why = "a classifier has logits alone" if classifier else f"timm's {model} has {len(stages)} stages, from 0"
        raise ConfigError([f"stage: there is no {stage}: {why}"])
    return int(stages[stage]["num_chs"])


def _places(maps: Tensor, width: int, prefix: int) -> Tensor:
    """Return the places of a last map (B, T, D), from (B, D, H, W), (B, H, W, D), or (B, T, D) with special tokens."""
    if maps.ndim == 3:
        return maps[:, prefix:]
    if maps.shape[1] == width:
        return maps.flatten(2).transpose(1, 2)
    return maps.flatten(1, 2)


class Pixels(nn.Module):
    """An image's pixels as features, a target of decoders; without parameters.

    Args:
        side: Images are scaled to this many pixels.
    """

    modality = "image"

    def __init__(self, side: Annotated[int, Field(ge=8, le=512)] = 48) -> None:
        super().__init__()
        self.side, self.out_dim = side, 3 * side * side

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S)."""
        return square_CHW(raw, self.side)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return pixels 0..1 (B, 3 * S * S)."""
        return Features(x.float().flatten(1) / 255.0)
