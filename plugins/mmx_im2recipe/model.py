"""The joint space of im2recipe, and the classifier that both sides share. Shapes: B batch, D width, C classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, PortError, did_you_mean
from mmx_std import pooled, ports

RECIPE = "recipe"
"""The texts side by side, in the joint space."""


class Joint(nn.Module):
    """Image and recipe in one space: concatenation of the texts, a linear layer, tanh, length 1 (section 4.1 and code).

    Output: the image under its own name, and "recipe".

    Args:
        dims: Widths of the encoders by name; all but the image are parts of the recipe.
        image: Encoder of the image.
        width: Width of the space.

    Raises:
        PortError: There is no image, or nothing beside it.
    """

    def __init__(
        self, dims: Mapping[str, int], *, image: str = "image", width: Annotated[int, Field(gt=0)] = 1024
    ) -> None:
        super().__init__()
        if image not in dims:
            raise PortError(f"image: no encoder {image!r}{did_you_mean(image, dims)}")
        self.image = image
        self.parts = {name: size for name, size in sorted(dims.items()) if name != image}
        if not self.parts:
            raise PortError(f"there is no text beside {image!r}: a recipe is made of at least one")
        self.projections = nn.ModuleDict(
            {image: nn.Linear(dims[image], width), RECIPE: nn.Linear(sum(self.parts.values()), width)}
        )
        self.dims = {image: width, RECIPE: width}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all texts for "recipe"."""
        return list(self.parts) if output == RECIPE else (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> dict[str, Features]:
        """Return vectors of length 1 of the sides whose encoders ran; a text that is missing counts as zeros."""
        inputs = {self.image: features[self.image].pooled_BD} if self.image in features else {}
        if any(name in features for name in self.parts):
            vectors = pooled.vectors_of(self.parts, features, batch)
            inputs[RECIPE] = torch.cat([vectors[name] for name in self.parts], dim=1)
        return {
            name: Features(functional.normalize(self.projections[name](x_BD).tanh(), dim=1))
            for name, x_BD in inputs.items()
        }


class SharedClasses(nn.Module):
    """One linear layer that names the class of the image and of the recipe alike (section 4.2).

    Args:
        dims: Widths of the fused features by name.
        classes: The corpus's class names by target.
        target: Target with the classes.
        reads: Features that are read, all of one width.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str = "class",
        reads: Annotated[Sequence[str], Field(min_length=1)] = ("fused.image", "fused.recipe"),
    ) -> None:
        super().__init__()
        self.reads = [ports.qualify(name, "fused") for name in reads]
        self.needs = tuple(self.reads)
        self.layer = nn.Linear(ports.width(dims, self.reads[0]), len(ports.class_names(classes, target)))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return logits (B, C) by the name of the features."""
        return {ports.short(name): self.layer(ports.pick(fused, name).pooled_BD) for name in self.reads}
