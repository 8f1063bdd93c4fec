"""Face networks of others, for those who have their weights: Inception-ResNet-v1 (FaceNet) and VGG-Face.

Parts are named as in the weight files in circulation, so that those load without renaming. Nothing is shipped.

Shape legend: X pictures, C channels, S side in pixels, D features.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx.errors import AssetError, PortError
from mmx.types import Features
from mmx_looking_to_listen.faces import embed, prepare_faces

Network = Literal["inception-resnet", "vgg-face"]
_SIZES: Final = {"inception-resnet": (1792, 160), "vgg-face": (4096, 224)}
"""Width of the embedding, and pixels of a picture."""
_MEANS: Final = (129.1863, 104.7624, 93.5940)
"""Of red, green and blue in VGG-Face's training pictures."""
_UNUSED: Final = ("logits.", "last_linear.", "last_bn.", "fc8.")


class FaceNetwork(nn.Module):
    """A frozen face recogniser with weights from a file; its last layer without a spatial axis is the embedding.

    Args:
        weights: File with the weights (safetensors or a plain torch state dict).
        network: Inception-ResNet-v1 (`20180402-114759` and others of FaceNet), or VGG-Face (fc7).
        dim: Width of the embedding that the experiment is built for; must be the network's.
        faces: N.

    Raises:
        PortError: The network has another width.
        AssetError: There is no such file, or its weights do not fit.
    """

    modality = "videos"

    def __init__(
        self,
        weights: Annotated[str, Field(description="File with the weights.")],
        network: Annotated[Network, Field(description="Which network.")] = "inception-resnet",
        dim: Annotated[int, Field(ge=1, description="Width of the embedding; must be the network's.")] = 1792,
        faces: Annotated[int, Field(ge=1, le=3, description="Faces per sample.")] = 2,
    ) -> None:
        super().__init__()
        self.out_dim, self.side = _SIZES[network]
        if dim != self.out_dim:
            raise PortError(f"{network} gives embeddings of {self.out_dim}, not {dim}: set dim={self.out_dim}")
        self.faces, self.kind = faces, network
        self.network = InceptionResnet() if network == "inception-resnet" else VggFace()
        _load(self.network, weights)
        self.requires_grad_(False)

    def prepare(self, raw: object) -> Tensor:
        """Return uint8 pictures, face after face (N * V, 3, S, S)."""
        return prepare_faces(raw, self.faces, self.side)  # type: ignore[arg-type]

    def forward(self, x_BTCSS: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed pictures (B, N * V, 3, S, S)."""
        if self.kind == "inception-resnet":
            return embed(self.network, x_BTCSS, self.out_dim)
        means = torch.tensor(_MEANS, device=x_BTCSS.device).view(3, 1, 1)
        flat_XCSS = x_BTCSS.flatten(0, 1)
        there_X1 = flat_XCSS.flatten(1).any(1, keepdim=True)
        vectors_XD = self.network(flat_XCSS.float() - means) * there_X1
        tokens_BTD = vectors_XD.unflatten(0, x_BTCSS.shape[:2])
        return Features(tokens_BTD.mean(1), tokens_BTD)


class Unit(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(
        self,
        source: int,
        target: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(source, target, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(target, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all three."""
        found: Tensor = self.bn(self.conv(x)).relu()
        return found


class Residual(nn.Module):
    """Branches whose joined output is scaled and added to the input."""

    def __init__(self, width: int, branches: list[nn.Module], joined: int, scale: float, *, relu: bool = True) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.count, self.scale, self.relu = len(branches), scale, relu
        self.conv2d = nn.Conv2d(joined, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branches to (X, C, H, W)."""
        found = torch.cat([getattr(self, f"branch{number}")(x) for number in range(self.count)], 1)
        added: Tensor = self.conv2d(found) * self.scale + x
        return added.relu() if self.relu else added


class Reduction(nn.Module):
    """Branches that halve the picture, side by side."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.count = len(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (X, C, H, W)."""
        return torch.cat([getattr(self, f"branch{number}")(x) for number in range(self.count)], 1)


class InceptionResnet(nn.Module):
    """Inception-ResNet-v1 up to its average pooling: pictures (X, 3, 160, 160) to (X, 1792)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Unit(3, 32, 3, 2)
        self.conv2d_2a = Unit(32, 32, 3)
        self.conv2d_2b = Unit(32, 64, 3, padding=1)
        self.conv2d_3b = Unit(64, 80, 1)
        self.conv2d_4a = Unit(80, 192, 3)
        self.conv2d_4b = Unit(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        self.mixed_6a = Reduction(
            [
                Unit(256, 384, 3, 2),
                nn.Sequential(Unit(256, 192, 1), Unit(192, 192, 3, padding=1), Unit(192, 256, 3, 2)),
                nn.MaxPool2d(3, 2),
            ]
        )
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = Reduction(
            [
                nn.Sequential(Unit(896, 256, 1), Unit(256, 384, 3, 2)),
                nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, 2)),
                nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, padding=1), Unit(256, 256, 3, 2)),
                nn.MaxPool2d(3, 2),
            ]
        )
        self.repeat_3 = nn.Sequential(*(_block8(0.2) for _ in range(5)))
        self.block8 = _block8(1.0, relu=False)

    def forward(self, x_XCSS: Tensor) -> Tensor:
        """Embed standardised pictures."""
        x: Tensor = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x_XCSS)))
        x = self.conv2d_3b(nn.functional.max_pool2d(x, 3, 2))
        x = self.repeat_1(self.conv2d_4b(self.conv2d_4a(x)))
        x = self.repeat_2(self.mixed_6a(x))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        return x.mean((2, 3))


class VggFace(nn.Module):
    """VGG-16 as VGG-Face names it, up to fc7 after its ReLU: pictures (X, 3, 224, 224) to (X, 4096)."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        source = 3
        for stage, (target, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
            for place in range(1, count + 1):
                self.add_module(f"conv{stage}_{place}", nn.Conv2d(source, target, 3, padding=1))
                self.order.append(f"conv{stage}_{place}")
                source = target
            self.order.append("pool")
        self.fc6 = nn.Linear(512 * 7 * 7, 4096)
        self.fc7 = nn.Linear(4096, 4096)

    def forward(self, x: Tensor) -> Tensor:
        """Embed pictures with the mean taken off."""
        for name in self.order:
            x = nn.functional.max_pool2d(x, 2) if name == "pool" else getattr(self, name)(x).relu()
        embedded: Tensor = self.fc7(self.fc6(x.flatten(1)).relu()).relu()
        return embedded


def _block35() -> Residual:
    branches = [
        Unit(256, 32, 1),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, padding=1)),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, padding=1), Unit(32, 32, 3, padding=1)),
    ]
    return Residual(256, branches, 96, 0.17)


def _block17() -> Residual:
    long = nn.Sequential(
        Unit(896, 128, 1), Unit(128, 128, (1, 7), padding=(0, 3)), Unit(128, 128, (7, 1), padding=(3, 0))
    )
    return Residual(896, [Unit(896, 128, 1), long], 256, 0.1)


def _block8(scale: float, *, relu: bool = True) -> Residual:
    long = nn.Sequential(
        Unit(1792, 192, 1), Unit(192, 192, (1, 3), padding=(0, 1)), Unit(192, 192, (3, 1), padding=(1, 0))
    )
    return Residual(1792, [Unit(1792, 192, 1), long], 384, scale, relu=relu)


def _load(network: nn.Module, weights: str) -> None:
    """Load a state dict; the classifier on top of the embedding is not needed."""
    from mmx_std.weights import load_exactly, read_tensors

    if not weights:
        raise AssetError("a face network needs its weights: encoders.faces.weights=FILE (never random ones)")
    tensors = {name: tensor for name, tensor in read_tensors(weights).items() if not name.startswith(_UNUSED)}
    load_exactly(network, tensors, weights)
