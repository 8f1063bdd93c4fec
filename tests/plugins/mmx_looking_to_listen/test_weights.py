from __future__ import annotations

from mmx_looking_to_listen.predict.mtcnn import Detector
from mmx_looking_to_listen.weights import DETECTOR, FETCH


def test_every_network_of_the_detector_is_a_pinned_asset() -> None:
    networks = [asset.name.removeprefix("looking_to_listen/") for asset in DETECTOR]
    assert networks == [name for name, _ in Detector().named_children()]
    for asset in DETECTOR:
        assert (asset.package, asset.version, len(asset.sha256)) == ("facenet-pytorch", "2.6.0", 64)
        assert asset.name in FETCH
