"""The autoencoder baseline."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import ConfigError, PortError
from mmx.types import Batch, Features, Outputs
from mmx_soundnet.model.autoencoder import Decoder, Reconstruction
from mmx_soundnet.model.raw_waveform import Conv8

CHANNELS = (4, 4, 6, 6)


def test_the_decoder_mirrors_the_encoder() -> None:
    decoder = Decoder({"audio": 1024})
    convs = [layer for layer in decoder.layers if isinstance(layer, torch.nn.ConvTranspose1d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0], c.padding[0]) for c in convs] == [
        (128, 64, 8, 4),
        (64, 32, 16, 8),
        (32, 16, 32, 16),
        (16, 1, 64, 32),
    ]
    assert [layer.scale_factor for layer in decoder.layers if isinstance(layer, torch.nn.Upsample)] == [8, 8]
    encoder = Conv8(width=1 / 4, seconds=2.0)
    small = Decoder({"audio": 256}, channels=(4, 8, 16, 32))
    decoded_BT = small({"audio": encoder(torch.randn(2, 44_100))}, Batch(ids=("a", "b")))
    assert abs(decoded_BT.shape[1] - 44_100) < 2 * 8 * 2 * 8 * 4, "up to one step of conv4"


def test_the_loss_is_relative_to_silence_and_ignores_padding() -> None:
    original = torch.tensor([[1.0, -1.0, 2.0, 0.0], [3.0, 1.0, 0.0, 0.0]])
    decoded = torch.tensor([[0.5, -1.0, 2.0, 9.0, 9.0], [3.0, 0.0, 5.0, 5.0, 9.0]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    batch = Batch(ids=("a", "b"), inputs={"audio": original}, masks={"audio": mask})
    loss = Reconstruction()(Outputs(heads={"decoder": decoded}), batch)["loss"].item()
    assert loss == pytest.approx((0.25 + 81 + 1) / (1 + 1 + 4 + 9 + 1))
    silence = Reconstruction()(Outputs(heads={"decoder": torch.zeros(2, 4)}), batch)["loss"].item()
    assert silence == pytest.approx(Reconstruction().chance(2))


def test_learning_beats_silence(corpus: Any) -> None:
    torch.manual_seed(0)
    encoder = Conv8(channels=(4, 4, 6, 6, 8, 8, 8), pools=(2, 2, 2), rate=2000, seconds=1.0)
    decoder = Decoder({"audio": 8}, channels=CHANNELS, pools=(2, 2))
    x_BT = torch.stack([encoder.prepare(sample.fields["audio"]) for sample in corpus.split("train")])
    batch = Batch(ids=tuple("x" * len(x_BT)), inputs={"audio": x_BT})
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = Reconstruction()(Outputs(heads={"decoder": decoder({"audio": encoder(x_BT)}, batch)}), batch)["loss"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.9


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="source"):
        Decoder({"sound": 4})
    with pytest.raises(PortError, match="'conv4'"):
        Decoder({"audio": 4})({"audio": Features(torch.zeros(1, 4))}, Batch(ids=("a",)))
