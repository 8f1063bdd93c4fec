"""Objectives of the frozen parts: the face network, the attribute classifier, the face decoder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from mmx import Batch, DataError, Losses, Outputs, PortError
from mmx_speech2face.model.warp import warp
from mmx_std import ports, prediction


class Recognition:
    """Loss of the face network: cross-entropies of identity and attributes.

    Args:
        head: Head with the logits of identities.
        face: Name of the face features.
        person: Target with the number of the person.
        attributes: Head with the logits of attributes; null trains identity alone.
        weight: Weight of the attributes' mean.
    """

    def __init__(
        self,
        head: str = "classes",
        face: str = "face",
        person: str = "person",
        attributes: str | None = None,
        weight: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        self.head, self.face, self.person = head, ports.short(face), person
        self.attributes = None if attributes is None else prediction.AttributeLoss(attributes)
        self.weight = weight
        extra = () if attributes is None else (f"heads.{attributes}",)
        self.needs = (f"heads.{head}", f"targets.{person}", *extra)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and its terms.

        Raises:
            PortError: A person that the head has no output for.
        """
        logits_BK: Tensor = outputs.heads[self.head][self.face]
        people_B = batch.targets[self.person]
        if not isinstance(people_B, Tensor) or people_B.is_floating_point():
            raise DataError(f"target {self.person!r} must be a whole number for every sample, the identity")
        if int(people_B.max()) >= logits_BK.shape[1]:
            raise PortError(
                f"person {int(people_B.max())} of the corpus, but the head has {logits_BK.shape[1]} outputs: set "
                f"heads.{self.head}.identities to the number of people"
            )
        identity = cross_entropy(logits_BK, people_B)
        if self.attributes is None:
            return {"loss": identity, "identity": identity}
        attributes = self.attributes(outputs, batch)
        return {**attributes, "loss": identity + self.weight * attributes["loss"], "identity": identity}

    def chance(self, batch_size: int) -> float | None:
        """Return None: attributes are not equally frequent."""
        return None


class Drawing:
    """Loss of the face decoder: landmarks, texture, and the warped image (Cole et al. 2017, section 3).

    The texture's truth is the portrait warped to the mean landmarks.

    Args:
        head: The face decoder.
        face: Name of the face features.
        portrait: Encoder of the portrait's pixels.
        landmarks: Weight of the landmarks' mean squared error.
        texture: Weight of the texture's mean absolute error.
        image: Weight of the warped image's mean absolute error.
    """

    def __init__(
        self,
        head: str = "decoder",
        face: str = "face",
        portrait: str = "portrait",
        landmarks: Annotated[float, Field(ge=0)] = 20.0,
        texture: Annotated[float, Field(ge=0)] = 1.0,
        image: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        self.head, self.face, self.portrait = head, ports.short(face), portrait
        self.weights = {"landmarks": landmarks, "texture": texture, "image": image}
        self.needs = (f"heads.{head}", f"encoded.{portrait}")

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and its terms.

        Raises:
            DataError: A sample lacks its landmarks.
            PortError: The decoder's side is not the portrait's.
        """
        drawn = outputs.heads[self.head][self.face]
        image_BCSS = drawn["image"]
        pixels_BD = outputs.encoded[self.portrait].pooled_BD
        if pixels_BD.shape[1] != image_BCSS[0].numel():
            raise PortError(
                f"the decoder draws {image_BCSS.shape[-1]} pixels, encoders.{self.portrait} has another side"
            )
        truth_BCSS = pixels_BD.view_as(image_BCSS)
        losses: Losses = {"image": (image_BCSS - truth_BCSS).abs().mean()}
        points_BL2 = drawn["landmarks"]
        if points_BL2.shape[1]:
            true_BL2 = batch.targets.get("landmarks")
            if not isinstance(true_BL2, Tensor) or true_BL2.shape != points_BL2.shape:
                raise DataError(f"target 'landmarks' must be {tuple(points_BL2.shape[1:])} for every sample")
            losses["landmarks"] = (points_BL2 - true_BL2).square().mean()
            losses["texture"] = (drawn["texture"] - warp(truth_BCSS, true_BL2, drawn["mean"][None])).abs().mean()
        total = sum((self.weights[name] * value for name, value in losses.items()), start=losses["image"] * 0)
        return {"loss": total, **losses}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on the faces."""
        return None
