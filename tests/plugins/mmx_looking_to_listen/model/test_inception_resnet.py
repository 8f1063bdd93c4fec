from __future__ import annotations

from mmx_looking_to_listen.model.inception_resnet import InceptionResnet


def test_inception_resnet_has_the_known_size() -> None:
    """The whole network has 23,482,624 weights below its classifier; ours stops before 1792 -> 512 and its norm."""
    count = sum(parameter.numel() for parameter in InceptionResnet().parameters())
    assert count == 23_482_624 - 1792 * 512 - 2 * 512
