"""Cached features: what the key covers, and that rows are what the encoder would say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent

import pytest
import safetensors.torch
import torch

from mmx.data import feature_cache
from mmx.data.collate import collate
from mmx.types import Batch, Features
from tests.core.parts import Line, Numbers


def everything(encoder: Numbers, folder: Path | None, key: str = "k") -> feature_cache.Stored | None:
    samples = Line().samples

    def track(items: Iterable[int]) -> Iterable[int]:
        return items

    return feature_cache.features(
        key,
        folder,
        lambda batch: encoder(batch.inputs["x"]),
        lambda chosen: collate(chosen, {"x": encoder}, {"x": "x"}),
        samples,
        track,
        batch_size=16,
    )


def test_rows_are_the_encoders_own_and_the_second_time_comes_from_disk(tmp_path: Path) -> None:
    encoder = Numbers()
    first = everything(encoder, tmp_path)
    calls = encoder.calls
    second = everything(encoder, tmp_path)
    assert calls == 3
    assert encoder.calls == calls
    assert first is not None
    assert second is not None
    direct = encoder(torch.tensor([Line().samples[i].fields["x"] for i in (5, 39, 5)])).pooled_BD
    torch.testing.assert_close(second.rows([5, 39, 5]).pooled_BD, direct)


def test_the_key_changes_with_recipe_weights_corpus_and_split() -> None:
    torch.manual_seed(0)
    one, other = Numbers(), Numbers()
    base = feature_cache.digest({"width": 1}, one, "d", "train")
    assert base == feature_cache.digest({"width": 1}, one, "d", "train")
    changed = [
        feature_cache.digest({"width": 2}, one, "d", "train"),
        feature_cache.digest({"width": 1}, other, "d", "train"),
        feature_cache.digest({"width": 1}, one, "e", "train"),
        feature_cache.digest({"width": 1}, one, "d", "val"),
    ]
    assert len({base, *changed}) == 5


KEY = """
import torch
from mmx.data import feature_cache
from mmx_tones.model import Tones

torch.manual_seed(0)
print(feature_cache.digest({"width": 1}, Tones(), "d", "train"))
"""


def test_the_key_changes_with_every_module_that_the_encoder_may_compute_with(tmp_path: Path) -> None:
    files = {
        "mmx_tones/__init__.py": "",
        "mmx_tones/model.py": """
            from torch import nn
            from mmx_tones.pixels import SCALE

            class Tones(nn.Linear):
                def __init__(self):
                    super().__init__(2, 2)
        """,
        "mmx_tones/pixels.py": "SCALE = 1",
        "mmx_std/__init__.py": "",
        "mmx_std/encoders/timm.py": "MEAN = 0.5",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(dedent(text))

    def key() -> str:
        paths = os.pathsep.join([str(tmp_path), *sys.path])
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", KEY]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    base = key()
    assert key() == base
    found = {base}
    for name in ("mmx_tones/pixels.py", "mmx_std/encoders/timm.py"):
        (tmp_path / name).write_text("SCALE = 2  # edited\n")
        found.add(key())
    assert len(found) == 3


def test_the_key_changes_with_the_version_of_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Numbers()
    keys = set()
    for version in ("1.0", "1.1"):
        monkeypatch.setattr(
            "importlib.metadata.version", lambda name, version=version: version if name == "timm" else "1"
        )
        feature_cache._versions.cache_clear()
        keys.add(feature_cache.digest({}, encoder, "d", "train"))
    feature_cache._versions.cache_clear()
    assert len(keys) == 2


def test_the_key_covers_encoders_that_are_made_of_other_packages_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(feature_cache, "_sources", lambda package: asked.append(package) or b"")
    feature_cache.digest({}, torch.nn.Sequential(Numbers(), torch.nn.ReLU()), "d", "train")
    assert asked == ["mmx_std", "tests"], "torch is covered by its version"


def test_features_that_are_too_large_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "MAX_BYTES", 100)
    assert everything(Numbers(), tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert everything(Numbers(), tmp_path / "file") is not None
    (path,) = _kept(Numbers(), tmp_path / "kept")
    path.unlink()
    path.mkdir()
    assert everything(Numbers(), path.parent) is not None


def test_tokens_of_different_length_are_not_kept() -> None:
    lengths = iter([3, 3, 2])

    def encode(batch: Batch) -> Features:
        return Features(torch.zeros(batch.size, 2), torch.zeros(batch.size, next(lengths), 2))

    encoder = Numbers()
    prepare = lambda chosen: collate(chosen, {"x": encoder}, {"x": "x"})  # noqa: E731
    assert (
        feature_cache.features("k", None, encode, prepare, Line().samples, lambda items: items, batch_size=16) is None
    )


@pytest.mark.parametrize("damage", ["cut", "first byte", "last byte", "empty", "other rows", "other shape"])
def test_a_damaged_file_is_told_and_made_again(tmp_path: Path, damage: str) -> None:
    encoder, told = Numbers(), []
    samples, (path,) = Line().samples, _kept(encoder, tmp_path)
    whole = path.read_bytes()
    if damage.startswith("other"):
        rows = 2 if damage == "other rows" else len(samples)
        safetensors.torch.save_file({"pooled_BD": torch.zeros(rows, 3)}, path)
    else:
        flipped = {"first byte": b"\xff" + whole[1:], "last byte": whole[:-1] + bytes([whole[-1] ^ 1])}
        path.write_bytes({"cut": whole[:-7], "empty": b"", **flipped}[damage])
    found = feature_cache.features(
        path.stem,
        tmp_path,
        lambda batch: encoder(batch.inputs["x"]),
        lambda chosen: collate(chosen, {"x": encoder}, {"x": "x"}),
        samples,
        lambda items: items,
        batch_size=16,
        warn=told.append,
    )
    assert found is not None
    torch.testing.assert_close(found.rows([3]).pooled_BD, encoder(torch.tensor([samples[3].fields["x"]])).pooled_BD)
    assert len(told) == 1
    assert f"{path}: damaged, computed again: " in told[0]
    assert path.read_bytes() == whole


def _kept(encoder: Numbers, folder: Path) -> list[Path]:
    everything(encoder, folder)
    return list(folder.glob("*.safetensors"))
