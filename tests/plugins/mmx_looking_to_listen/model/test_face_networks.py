from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmx.errors import AssetError, PortError
from mmx.types import Video
from mmx_looking_to_listen.model.face_networks import FaceNetwork
from mmx_looking_to_listen.model.inception_resnet import InceptionResnet


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    state = {name: tensor.contiguous() for name, tensor in InceptionResnet().state_dict().items()}
    state["logits.weight"] = torch.zeros(5, 512)  # a classifier on top, as in the files in circulation
    path = tmp_path_factory.mktemp("weights") / "facenet.safetensors"
    save_file(state, path)
    return path


def test_faces_become_vectors_and_missing_ones_zeros(weights: Path) -> None:
    encoder = FaceNetwork(str(weights)).eval()
    assert encoder.out_dim == 1792
    video = Video(np.random.default_rng(0).integers(0, 255, (2, 40, 40, 3), dtype=np.uint8), 25.0)
    x = encoder.prepare((video,))
    assert x.shape == (4, 3, 160, 160)
    with torch.no_grad():
        tokens = encoder(x[None]).tokens_BTD
    assert tokens.shape == (1, 4, 1792)
    assert (tokens[0].abs().sum(1) > 0).tolist() == [True, True, False, False]
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_dimensions_are_asserted(weights: Path) -> None:
    with pytest.raises(PortError, match="embeddings of 1792, not 1024"):
        FaceNetwork(str(weights), dim=1024)


def test_weights_are_never_random(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="never random"):
        FaceNetwork("")
    with pytest.raises(AssetError, match="no such file"):
        FaceNetwork(str(tmp_path / "none.pth"))
    save_file({"conv2d_1a.conv.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "part.safetensors")
    with pytest.raises(AssetError, match="missing"):
        FaceNetwork(str(tmp_path / "part.safetensors"))
