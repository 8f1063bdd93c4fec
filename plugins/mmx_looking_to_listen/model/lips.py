"""Training of a face embedder by lip reading: the head and its objective.

Shape legend: B batch, T frames of all faces, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mmx import Batch, Features, Losses, Outputs, PortError


class Lips(nn.Module):
    """Linear predictions of lip shape, viseme and identity, from which a face embedder learns.

    Args:
        dims: Widths by name (filled in).
        embeddings: Name of the face encoder.
        visemes: Number of visemes.
        identities: Number of people in the split that is trained on.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        embeddings: str = "faces",
        visemes: Annotated[int, Field(ge=2)] = 8,
        identities: Annotated[int, Field(ge=2)] = 200,
    ) -> None:
        super().__init__()
        self.needs = (f"encoded.{embeddings}",)
        self.embeddings, self.identities = embeddings, identities
        self.shape = nn.Linear(dims[embeddings], 3)
        self.viseme = nn.Linear(dims[embeddings], visemes)
        self.identity = nn.Linear(dims[embeddings], identities)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Predict from every frame (B, T, D): shape (B, T, 3), viseme and identity logits (B, T, classes)."""
        tokens_BTD = fused[self.embeddings].tokens_BTD
        return {
            "shape": self.shape(tokens_BTD),
            "viseme": self.viseme(tokens_BTD),
            "identity": self.identity(tokens_BTD),
        }


class LipReading:
    """Loss of a face embedder: lip shape (squared error), viseme and identity (cross-entropy).

    Frames are cropped anew at every step, because detected face boxes are never exact.

    Args:
        head: Name of the head.
        identity: Weight of the identity term.
        faces: Name of the face encoder.
        shift: Images are moved by up to this share of their side, in both directions.
        zoom: Images are scaled by a factor of up to e to this power, both ways.
    """

    def __init__(
        self,
        head: str = "lips",
        identity: Annotated[float, Field(ge=0)] = 0.1,
        faces: str = "faces",
        shift: Annotated[float, Field(ge=0, le=0.5)] = 0.06,
        zoom: Annotated[float, Field(ge=0, le=1)] = 0.15,
    ) -> None:
        self.needs = (f"heads.{head}", "targets.lips", "targets.visemes", "targets.identity")
        self.head, self.identity = head, identity
        self.faces, self.shift, self.zoom = faces, shift, zoom

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with every frame of a face shifted and scaled a little."""
        if self.faces not in batch.inputs or not (self.shift or self.zoom):
            return batch
        images_BTCSS = batch.inputs[self.faces]
        framed = reframed(images_BTCSS.flatten(0, 1), generator, self.shift, self.zoom)
        return replace(batch, inputs={**batch.inputs, self.faces: framed.reshape(images_BTCSS.shape)})

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and its terms.

        Raises:
            PortError: An identity that the head has no output for.
        """
        predicted = outputs.heads[self.head]
        people = batch.targets["identity"]
        if int(people.max()) >= predicted["identity"].shape[-1]:
            raise PortError(
                f"identity {int(people.max())} of the corpus, but the head has "
                f"{predicted['identity'].shape[-1]} outputs: set heads.lips.identities to the number of speakers"
            )
        shape = 4.0 * mse_loss(predicted["shape"], batch.targets["lips"])
        viseme = cross_entropy(predicted["viseme"].flatten(0, 1), batch.targets["visemes"].flatten())
        who = cross_entropy(predicted["identity"].flatten(0, 1), people.flatten())
        return {"loss": shape + viseme + self.identity * who, "shape": shape, "viseme": viseme, "identity": who}

    def chance(self, batch_size: int) -> float | None:
        """Return None: visemes are not equally frequent."""
        return None


def reframed(images_XCSS: Tensor, generator: torch.Generator, shift: float, zoom: float) -> Tensor:
    """Return uint8 images, each moved and scaled at random; their edges are repeated beyond the border."""
    count = len(images_XCSS)
    drawn_X3 = (2.0 * torch.rand(count, 3, generator=generator) - 1.0).to(images_XCSS.device)
    theta_X23 = torch.zeros(count, 2, 3, device=images_XCSS.device)
    theta_X23[:, 0, 0] = theta_X23[:, 1, 1] = (zoom * drawn_X3[:, 0]).exp()
    theta_X23[:, :, 2] = 2.0 * shift * drawn_X3[:, 1:]  # the side is 2 in these coordinates
    grid_XSS2 = nn.functional.affine_grid(theta_X23, list(images_XCSS.shape), align_corners=False)
    values = nn.functional.grid_sample(images_XCSS.float(), grid_XSS2, padding_mode="border", align_corners=False)
    return values.round().clamp(0, 255).to(torch.uint8)
