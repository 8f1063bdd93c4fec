from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features, Outputs
from mmx_looking_to_listen.model.lips import LipReading, Lips, reframed

DIMS = {"faces": 5}


def test_lips_reads_every_image() -> None:
    head = Lips(DIMS, visemes=8, identities=11)
    assert head.needs == ("encoded.faces",)
    tokens = torch.randn(2, 7, 5)
    found = head({"faces": Features(tokens.mean(1), tokens)}, Batch(["a", "b"]))
    assert found["shape"].shape == (2, 7, 3)
    assert found["viseme"].shape == (2, 7, 8)
    assert found["identity"].shape == (2, 7, 11)


def lips(identities: int = 4) -> tuple[Outputs, Batch]:
    generator = torch.Generator().manual_seed(0)
    predicted = {
        "shape": torch.randn(2, 6, 3, generator=generator),
        "viseme": torch.randn(2, 6, 8, generator=generator),
        "identity": torch.randn(2, 6, identities, generator=generator),
    }
    targets = {
        "lips": torch.rand(2, 6, 3, generator=generator),
        "visemes": torch.randint(0, 8, (2, 6), generator=generator),
        "identity": torch.randint(0, 4, (2, 6), generator=generator),
    }
    return Outputs({}, {}, {"lips": predicted}), Batch(["a", "b"], targets=targets)


def test_lip_reading_adds_its_terms() -> None:
    found, batch = lips()
    losses = LipReading(identity=0.5)(found, batch)
    predicted = found.heads["lips"]
    viseme = -sum(
        float(predicted["viseme"][b, t].log_softmax(0)[batch.targets["visemes"][b, t]])
        for b in range(2)
        for t in range(6)
    )
    assert float(losses["viseme"]) == pytest.approx(viseme / 12, rel=1e-5)
    shape = 4 * float((predicted["shape"] - batch.targets["lips"]).square().mean())
    assert float(losses["shape"]) == pytest.approx(shape, rel=1e-5)
    assert float(losses["loss"]) == pytest.approx(shape + viseme / 12 + 0.5 * float(losses["identity"]), rel=1e-5)


def test_more_people_than_outputs_are_told() -> None:
    found, batch = lips(identities=2)
    with pytest.raises(PortError, match="the head has 2 outputs"):
        LipReading()(found, batch)


def test_faces_are_framed_anew_and_stay_faces() -> None:
    images = torch.zeros(40, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, 12:20, 12:20] = 200
    generator = torch.Generator().manual_seed(0)
    framed = reframed(images, generator, 0.1, 0.2)
    assert framed.dtype == torch.uint8
    assert framed.shape == images.shape
    axis = torch.arange(32) + 0.5
    red = framed[:, 0].float()
    across = (red.sum(1) * axis).sum(1) / red.sum((1, 2))
    assert 1.0 < float((across - 16).abs().max()) <= 0.1 * 32 * 1.25 + 0.5
    wide = (red.sum((1, 2)) / 200).sqrt() / 8
    assert float(wide.min()) < 0.95 < 1.05 < float(wide.max())
    assert (wide > 0.8).all()
    assert (wide < 1.25).all()
    assert torch.equal(reframed(images, generator, 0.0, 0.0), images)
    assert not reframed(torch.zeros_like(images), generator, 0.1, 0.2).any()  # a face that is not there stays so


def test_only_the_view_is_framed_anew() -> None:
    batch = Batch(["a"], {"faces": torch.randint(0, 255, (1, 4, 3, 16, 16), dtype=torch.uint8)})
    before = batch.inputs["faces"].clone()
    shown = LipReading().view(batch, torch.Generator().manual_seed(1))
    assert not torch.equal(shown.inputs["faces"], before)
    assert torch.equal(batch.inputs["faces"], before)
    assert LipReading(shift=0, zoom=0).view(batch, torch.Generator()) is batch
