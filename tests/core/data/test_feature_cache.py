"""Cached features: what the key covers, and that rows are what the encoder would say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
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


def test_features_that_are_too_large_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "MAX_BYTES", 100)
    assert everything(Numbers(), tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert everything(Numbers(), tmp_path / "file") is not None


def test_tokens_of_different_length_are_not_kept() -> None:
    lengths = iter([3, 3, 2])

    def encode(batch: Batch) -> Features:
        return Features(torch.zeros(batch.size, 2), torch.zeros(batch.size, next(lengths), 2))

    encoder = Numbers()
    prepare = lambda chosen: collate(chosen, {"x": encoder}, {"x": "x"})  # noqa: E731
    assert (
        feature_cache.features("k", None, encode, prepare, Line().samples, lambda items: items, batch_size=16) is None
    )
