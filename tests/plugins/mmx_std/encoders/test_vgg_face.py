from __future__ import annotations

import torch

from mmx_std.encoders.vgg_face import VggFace


def test_vgg_face_has_the_known_size() -> None:
    """VGG-16 has 138,357,544 weights with 1000 classes."""
    with torch.device("meta"):
        network = VggFace()
    assert sum(parameter.numel() for parameter in network.parameters()) == 138_357_544 - (4096 * 1000 + 1000)
    names = dict(network.named_parameters())
    assert {"conv1_1.weight", "conv5_3.bias", "fc6.weight", "fc7.bias"} <= set(names)
    assert names["fc6.weight"].shape == (4096, 25088)


def test_layers_run_in_order() -> None:
    with torch.device("meta"):
        assert VggFace()(torch.zeros(2, 3, 224, 224)).shape == (2, 4096)
