from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx_worlds.mixtures.corpus import Mixtures
from mmx_worlds.mixtures.manifest import read_manifest
from tests.plugins.mmx_looking_to_listen.conftest import RATE, Hummers, Noises

SIZES = {"mixtures": 6, "val_mixtures": 3, "test_mixtures": 5, "seconds": 1.0, "rate": RATE}


@pytest.mark.parametrize("content", ["{", "[]", '{"train": [{"id": 3}]}', '{"train": 3}'])
def test_what_is_no_manifest(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(content)
    with pytest.raises(DataError, match="manifest"):
        read_manifest(path)


def test_manifest_holds_clips_gains_and_offsets(tmp_path: Path) -> None:
    world = Mixtures(Hummers(), Noises(), **SIZES)
    listed = {name: world.drawn(name) for name in ("train", "val", "test")}
    rows = {name: [mixture.row() for mixture in mixtures] for name, mixtures in listed.items()}
    path = tmp_path / "m.json"
    path.write_text(json.dumps(rows))
    assert {"clips", "gains_db", "offsets", "noise", "noise_db"} <= set(rows["train"][0])
    assert rows["train"][0]["noise_db"] == pytest.approx(20 * np.log10(0.3))
    assert {name: list(found) for name, found in read_manifest(path).items()} == {k: list(v) for k, v in listed.items()}
