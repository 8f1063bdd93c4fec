"""The weights of the face detector, as a pinned package ships them: three files, three assets."""

from __future__ import annotations

from typing import Final

from mmx import Asset


def _network(name: str, sha256: str, size_mb: float, summary: str) -> Asset:
    return Asset(
        name=f"std/{name}",
        package="facenet-pytorch",
        version="2.6.0",
        member=f"facenet_pytorch/data/{name}.pt",
        sha256=sha256,
        convert="mmx.assets.converters:state_dict",
        licence="package MIT; the weights are those of MTCNN's authors, converted",
        source="https://github.com/timesler/facenet-pytorch",
        size_mb=size_mb,
        summary=summary,
    )


DETECTOR: Final = (
    _network(
        "pnet",
        "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
        0.03,
        "Face detector MTCNN, first network: proposes faces",
    ),
    _network(
        "rnet",
        "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
        0.4,
        "Face detector MTCNN, second network: refines them",
    ),
    _network(
        "onet",
        "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
        1.6,
        "Face detector MTCNN, third network: decides",
    ),
)
"""The networks of the detector, in the order of the cascade."""
FETCH: Final = "mmx fetch " + " ".join(asset.name for asset in DETECTOR)
"""The command that gets all of them."""
