"""Features of the networks that are judged beside the trained one, and classical features without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmx import AssetError
from mmx_soundnet.evaluation.features import LayerFeatures, Pooling, calibrate, calibrated, features_of, known_layers
from mmx_soundnet.model.raw_waveform import Conv8

if TYPE_CHECKING:
    from mmx import Model, Run, Sample
    from mmx_soundnet.evaluation.sounds import Sounds


@dataclass(frozen=True, slots=True)
class Networks:
    """Features of the same sounds from several networks.

    Attributes:
        run: Yields batches and untrained models.
        encoder: Name of the audio encoder.
        head: Name of the two-headed classifier, or None.
        layer: The layer that is judged.
        layers: All layers to extract; those that a network lacks are left out.
        pooling: How a layer becomes features.
    """

    run: Run
    encoder: str
    head: str | None
    layer: str
    layers: Sequence[str]
    pooling: Pooling

    def features(
        self, model: Model, sounds: Sounds, train: Sequence[Sample], *, reference: bool
    ) -> dict[str, LayerFeatures]:
        """Return the features of every network.

        "trained" and "random" (untrained) with normalisations calibrated on the same sounds; "as_saved" and
        "as_initialised" with those that they have by themselves; "sound8" where the authors' weights are here.

        Args:
            model: The trained model.
            sounds: The sounds to encode.
            train: Unlabelled sounds that calibrate normalisations.
            reference: Also encode with the authors' weights.
        """
        untrained = self.run.untrained()
        with calibrated(model, self.run, train, self.encoder):
            result = {"trained": self._features(model, sounds, "trained network")}
        result["as_saved"] = self._features(model, sounds, "network as saved", [self.layer])
        result["as_initialised"] = self._features(untrained, sounds, "untrained network", [self.layer])
        calibrate(untrained, self.run, train, self.encoder)
        result["random"] = self._features(untrained, sounds, "calibrated network")
        original = self._original(model) if reference else None
        if original is not None:
            untrained.encoders[self.encoder] = original.to(self.run.device).eval()
            result["sound8"] = self._features(untrained, sounds, "the authors' network")
        return result

    def _features(self, model: Model, sounds: Sounds, label: str, layers: Sequence[str] | None = None) -> LayerFeatures:
        head = None if label.startswith("the authors") else self.head
        known = known_layers(model, self.encoder, head)
        wanted = [layer for layer in layers or self.layers if layer in known or layer == self.layer]
        return features_of(
            model, self.run, sounds.samples, self.encoder, wanted, head=head, pooling=self.pooling, label=label
        )

    def _original(self, model: Model) -> torch.nn.Module | None:
        """Return the authors' network for clips of the same least length, or None where it was not fetched."""
        from mmx import locate_asset
        from mmx_soundnet.weights import SOUND8

        encoder: Any = model.encoders[self.encoder]
        if not hasattr(encoder, "shortest"):
            return None
        try:
            return Conv8(seconds=max(2.0, encoder.shortest / encoder.rate), weights=str(locate_asset(SOUND8)))
        except AssetError:
            return None


@torch.inference_mode()
def cepstral_features(sounds: Sounds, field: str) -> list[np.ndarray]:
    """Return the classical features of each sound (1, D): mean and standard deviation of its cepstrum (MFCC)."""
    from mmx_std import frontends

    cepstrum = frontends.Mfcc(rate=22_050)
    return [
        cepstrum(cepstrum.prepare(sample.fields[field]).unsqueeze(0)).pooled_BD.numpy() for sample in sounds.samples
    ]
