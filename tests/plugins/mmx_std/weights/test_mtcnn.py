from __future__ import annotations

from mmx_std.ops.faces.mtcnn import Detector
from mmx_std.weights.mtcnn import DETECTOR, FETCH


def test_every_network_of_the_detector_is_a_pinned_asset() -> None:
    networks = [asset.name.removeprefix("std/") for asset in DETECTOR]
    assert networks == [name for name, _ in Detector().named_children()]
    for asset in DETECTOR:
        assert (asset.package, asset.version, len(asset.sha256)) == ("facenet-pytorch", "2.6.0", 64)
        assert asset.name in FETCH
