"""Published face networks with weights from a user's file: Inception-ResNet-v1 (FaceNet) and VGG-Face.

Nothing is shipped, and nothing is ever initialised at random: weights come from a file.

Shape legend: X images, C channels, S side in pixels, D features.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import AssetError, Features, PortError
from mmx_looking_to_listen.model.faces import embed, prepare_faces
from mmx_looking_to_listen.model.inception_resnet import InceptionResnet
from mmx_std import vgg_face

Network = Literal["inception-resnet", "vgg-face"]
_SIZES: Final = {"inception-resnet": (1792, 160), "vgg-face": (4096, 224)}
"""Width of the embedding, and pixels of an image."""
_UNUSED: Final = ("logits.", "last_linear.", "last_bn.", "fc8.")


class FaceNetwork(nn.Module):
    """A frozen face recogniser with weights from a file; its last layer without a spatial axis is the embedding.

    Args:
        weights: File with the weights (safetensors or a plain torch state dict).
        network: Inception-ResNet-v1 (`20180402-114759` and others of FaceNet), or VGG-Face (fc7).
        dim: Width of the embedding that the experiment is built for; must be the network's.
        faces: N, faces per sample.

    Raises:
        PortError: The network has another width.
        AssetError: There is no such file, or its weights do not fit.
    """

    modality = "videos"

    def __init__(
        self,
        weights: str,
        network: Network = "inception-resnet",
        dim: Annotated[int, Field(ge=1)] = 1792,
        faces: Annotated[int, Field(ge=1, le=3)] = 2,
    ) -> None:
        super().__init__()
        self.out_dim, self.side = _SIZES[network]
        if dim != self.out_dim:
            raise PortError(f"{network} gives embeddings of {self.out_dim}, not {dim}: set dim={self.out_dim}")
        self.faces, self.kind = faces, network
        self.network = InceptionResnet() if network == "inception-resnet" else vgg_face.VggFace()
        _load(self.network, weights)
        self.requires_grad_(False)

    def prepare(self, raw: object) -> Tensor:
        """Return uint8 images, face after face (N * V, 3, S, S)."""
        return prepare_faces(raw, self.faces, self.side)  # type: ignore[arg-type]

    def forward(self, x_BTCSS: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed images (B, N * V, 3, S, S)."""
        if self.kind == "inception-resnet":
            return embed(self.network, x_BTCSS, self.out_dim)
        means = torch.tensor(vgg_face.MEANS, device=x_BTCSS.device).view(3, 1, 1)
        flat_XCSS = x_BTCSS.flatten(0, 1)
        there_X1 = flat_XCSS.flatten(1).any(1, keepdim=True)
        vectors_XD = self.network(flat_XCSS.float() - means) * there_X1
        tokens_BTD = vectors_XD.unflatten(0, x_BTCSS.shape[:2])
        return Features(tokens_BTD.mean(1), tokens_BTD)


def _load(network: nn.Module, weights: str) -> None:
    """Load a state dict; the classifier on top of the embedding is not needed."""
    from mmx_std import weight_files

    if not weights:
        raise AssetError("a face network needs its weights: encoders.faces.weights=FILE (never random ones)")
    tensors = {
        name: tensor for name, tensor in weight_files.read_tensors(weights).items() if not name.startswith(_UNUSED)
    }
    weight_files.load_exactly(network, tensors, weights)
