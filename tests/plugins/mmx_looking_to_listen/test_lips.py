from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features, Outputs
from mmx_looking_to_listen.lips import LipReading, Lips

DIMS = {"faces": 5}


def test_lips_reads_every_picture() -> None:
    head = Lips(DIMS, visemes=8, identities=11)
    assert head.needs == ("encoded.faces",)
    tokens = torch.randn(2, 7, 5)
    found = head({"faces": Features(tokens.mean(1), tokens)}, Batch(["a", "b"]))
    assert found["shape"].shape == (2, 7, 3)
    assert found["viseme"].shape == (2, 7, 8)
    assert found["identity"].shape == (2, 7, 11)


def lips(identities: int = 4) -> tuple[Outputs, Batch]:
    generator = torch.Generator().manual_seed(0)
    said = {
        "shape": torch.randn(2, 6, 3, generator=generator),
        "viseme": torch.randn(2, 6, 8, generator=generator),
        "identity": torch.randn(2, 6, identities, generator=generator),
    }
    targets = {
        "lips": torch.rand(2, 6, 3, generator=generator),
        "visemes": torch.randint(0, 8, (2, 6), generator=generator),
        "identity": torch.randint(0, 4, (2, 6), generator=generator),
    }
    return Outputs({}, {}, {"lips": said}), Batch(["a", "b"], targets=targets)


def test_lip_reading_adds_its_terms() -> None:
    found, batch = lips()
    losses = LipReading(identity=0.5)(found, batch)
    said = found.heads["lips"]
    viseme = -sum(
        float(said["viseme"][b, t].log_softmax(0)[batch.targets["visemes"][b, t]]) for b in range(2) for t in range(6)
    )
    assert float(losses["viseme"]) == pytest.approx(viseme / 12, rel=1e-5)
    shape = 4 * float((said["shape"] - batch.targets["lips"]).square().mean())
    assert float(losses["shape"]) == pytest.approx(shape, rel=1e-5)
    assert float(losses["loss"]) == pytest.approx(shape + viseme / 12 + 0.5 * float(losses["identity"]), rel=1e-5)


def test_more_people_than_outputs_are_told() -> None:
    found, batch = lips(identities=2)
    with pytest.raises(PortError, match="the head knows 2"):
        LipReading()(found, batch)
