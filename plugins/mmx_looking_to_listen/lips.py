"""What a face embedder is taught with: a head that reads lips, and its objective.

Shape legend: B batch, T pictures of all faces, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mmx.errors import PortError
from mmx.types import Batch, Features, Losses, Outputs


class Lips(nn.Module):
    """What a face embedder learns from: the shape of the lips, their viseme, and who it is, all linear.

    Args:
        dims: Widths by name (filled in).
        embeddings: Name of the face encoder.
        visemes: Number of visemes.
        identities: Number of people in the split that is trained on.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        embeddings: Annotated[str, Field(description="Name of the face encoder.")] = "faces",
        visemes: Annotated[int, Field(ge=2, description="Number of visemes.")] = 8,
        identities: Annotated[int, Field(ge=2, description="Number of people trained on.")] = 200,
    ) -> None:
        super().__init__()
        self.needs = (f"encoded.{embeddings}",)
        self.embeddings, self.identities = embeddings, identities
        self.shape = nn.Linear(dims[embeddings], 3)
        self.viseme = nn.Linear(dims[embeddings], visemes)
        self.identity = nn.Linear(dims[embeddings], identities)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Predict from every picture (B, T, D): shape (B, T, 3), viseme and identity logits (B, T, classes)."""
        tokens_BTD = fused[self.embeddings].tokens_BTD
        return {
            "shape": self.shape(tokens_BTD),
            "viseme": self.viseme(tokens_BTD),
            "identity": self.identity(tokens_BTD),
        }


class LipReading:
    """Teach a face embedder: lip shape (squared error), viseme and identity (cross-entropy).

    Args:
        head: Name of the head.
        identity: Weight of telling people apart.
    """

    def __init__(
        self,
        head: Annotated[str, Field(description="Name of the head.")] = "lips",
        identity: Annotated[float, Field(ge=0, description="Weight of telling people apart.")] = 0.1,
    ) -> None:
        self.needs = (f"heads.{head}", "targets.lips", "targets.visemes", "targets.identity")
        self.head, self.identity = head, identity

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and its terms.

        Raises:
            PortError: An identity that the head has no output for.
        """
        said = outputs.heads[self.head]
        people = batch.targets["identity"]
        if int(people.max()) >= said["identity"].shape[-1]:
            raise PortError(
                f"identity {int(people.max())} of the corpus, but the head knows {said['identity'].shape[-1]}: set "
                "heads.lips.identities to the number of speakers"
            )
        shape = 4.0 * mse_loss(said["shape"], batch.targets["lips"])
        viseme = cross_entropy(said["viseme"].flatten(0, 1), batch.targets["visemes"].flatten())
        who = cross_entropy(said["identity"].flatten(0, 1), people.flatten())
        return {"loss": shape + viseme + self.identity * who, "shape": shape, "viseme": viseme, "identity": who}

    def chance(self, batch_size: int) -> float | None:
        """Return None: visemes are not equally frequent."""
        return None
