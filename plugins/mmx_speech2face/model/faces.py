"""Face networks: an image to a face feature, the target of the voice encoder.

Shape legend: B batch, P images per album, C channels, S side in pixels, D width of the face feature.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, DataError, Encoder, Features, PortError
from mmx_std import masking, pixels, vgg_face, weight_files

Feature = Literal["fc7", "fc7_relu"]
Positive = Annotated[int, Field(ge=1)]


class FaceNet(nn.Module):
    """A small network of VGG-Face's kind, trained on the faces of the experiment's corpus: convolutions, fc6, fc7.

    Args:
        dim: D, the width of the face feature: of fc6 and fc7.
        widths: Channels of the convolutions, each followed by a pooling.
        side: Images are scaled to this many pixels.
        feature: fc7 before its ReLU, or after.

    Raises:
        PortError: The side cannot be halved so often.
    """

    modality = "image"

    def __init__(
        self,
        dim: Annotated[int, Field(ge=1)] = 128,
        widths: Annotated[Sequence[Positive], Field(min_length=1)] = (16, 32, 64, 64),
        side: Annotated[int, Field(ge=8, le=512)] = 48,
        feature: Feature = "fc7",
    ) -> None:
        super().__init__()
        if side % 2 ** len(widths):
            raise PortError(f"side={side} cannot be halved {len(widths)} times (widths={list(widths)})")
        self.side, self.feature, self.out_dim = side, feature, dim
        self.standardise = pixels.Standardise(vgg_face.MEANS, 64.0)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(source, target, 3, padding=1),
                    nn.BatchNorm2d(target),
                    nn.ReLU(inplace=True),
                    nn.MaxPool2d(2),
                )
                for source, target in itertools.pairwise((3, *widths))
            ),
            nn.Flatten(),
        )
        self.fc6 = nn.Linear(widths[-1] * (side // 2 ** len(widths)) ** 2, dim)
        self.fc7 = nn.Linear(dim, dim)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, S, S)."""
        return pixels.square_CHW(raw, self.side)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed images (B, 3, S, S), 0..255."""
        embedded_BD = self.fc7(self.fc6(self.layers(self.standardise(x))).relu())
        return Features(embedded_BD.relu() if self.feature == "fc7_relu" else embedded_BD)


class VggFaceNet(nn.Module):
    """VGG-Face with weights from a file: fc7, 4096 wide. Nothing is shipped, and nothing is initialised at random.

    Images are RGB, 0..255, 224 x 224, less the mean of VGG-Face's training images. A face should fill the image:
    detecting and cropping it is up to the data.

    Args:
        weights: File with the weights: safetensors, a torch file of tensors, npz or HDF5, under the names of the
            PyTorch export, of Keras, or in plain order.
        feature: fc7 before its ReLU (as `fc7` of the Keras port), or after; the paper does not state which.
        order: Colours that the weights expect; "auto" decides by the names.

    Raises:
        AssetError: There is no such file, or its weights do not fit.
    """

    modality = "image"
    out_dim = 4096

    def __init__(
        self,
        weights: str | None = None,
        feature: Feature = "fc7",
        order: Literal["auto", "rgb", "bgr"] = "auto",
    ) -> None:
        super().__init__()
        if not weights:
            raise AssetError("VGG-Face needs its weights: encoders.face.weights=FILE (never random ones)")
        from mmx_speech2face.weights import vgg_face_tensors

        tensors = vgg_face_tensors(weights, order)
        self.feature = feature
        self.network = vgg_face.VggFace()
        weight_files.load_exactly(self.network, {n: t for n, t in tensors.items() if not n.startswith("fc8.")}, weights)
        self.standardise = pixels.Standardise(vgg_face.MEANS, 1.0)
        self.requires_grad_(False)

    def prepare(self, raw: Any) -> Tensor:
        """Turn one uint8 RGB image (H, W, 3) of any size into uint8 (3, 224, 224)."""
        return pixels.square_CHW(raw, 224)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed images (B, 3, 224, 224), 0..255."""
        images_BCSS = self.standardise(x)
        return Features(
            self.network(images_BCSS) if self.feature == "fc7_relu" else self.network.before_relu(images_BCSS)
        )


class Album(nn.Module):
    """The mean face feature over several images of a person (target `identity_mean` of the specification).

    Args:
        image: The face network.

    Raises:
        PortError: `image` does not encode images.
    """

    modality = "images"

    def __init__(self, image: Encoder) -> None:
        super().__init__()
        if image.modality != "image":
            raise PortError(f"an album is of images; its encoder takes {image.modality!r}")
        self.image = image
        self.out_dim = image.out_dim

    def prepare(self, raw: Any) -> Tensor:
        """Return the images (P, 3, S, S).

        Raises:
            DataError: No images.
        """
        if not isinstance(raw, list | tuple) or not raw:
            raise DataError("an album is a list of at least one image")
        return torch.stack([self.image.prepare(image) for image in raw])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed albums (B, P, 3, S, S)."""
        each_BPD = self.image(x.flatten(0, 1)).pooled_BD.view(len(x), -1, self.out_dim)
        return Features(masking.masked_mean(each_BPD, mask_BT), each_BPD, mask_BT)
