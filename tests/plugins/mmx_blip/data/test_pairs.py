"""Noisy pairs, and what a captioner and a filter that are known make of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.testing.parts.corpora import check_corpus
from mmx.types import Batch, Outputs
from mmx_blip.data.pairs import Bootstrapped, Web
from mmx_worlds.shapes import Shapes

SMALL: Any = {"val_clips": 3, "test_clips": 3, "seconds": 0.25, "rate": 6000, "plain": True, "sizes": False}


def pairs(clips: int, seed: int = 0) -> Shapes:
    return Shapes(clips=clips, seed=seed, **SMALL)


def never(name: str) -> Callable[[], Any]:
    def there() -> Any:
        raise DataError(f"{name} is not over")

    return there


def test_a_share_of_the_captions_is_anothers() -> None:
    right, web = pairs(400), Web(pairs(400), noise=0.3)
    assert isinstance(web, Corpus) and web.digest != Web(pairs(400), noise=0.2).digest
    said = [sample.fields["caption"] for sample in right.split("train")]
    clean = []
    for place, sample in enumerate(web.split("train")):
        clean.append(sample.targets["clean"])
        assert sample.targets["sentence"] == sample.fields["caption"]
        assert sample.fields["caption"] == said[place] if clean[-1] else sample.fields["caption"] in said
        assert sample.targets["object"] == right.split("train")[place].targets["object"]
    assert sum(clean) / 400 == pytest.approx(0.7, abs=0.06)
    assert all(sample.targets["clean"] for sample in web.split("val"))
    assert [finding for finding in check_corpus(lambda seed: Web(pairs(20))) if not finding.ok] == []


class Captioner:
    """Writes what it is told, image by image; matches captions that name a circle."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.heads = {"words": self}
        self.encoders = {"caption": SimpleNamespace(tokenizer=SimpleNamespace(decode=self.decode))}
        self.written = 0

    def prepare(self, samples: Any, encoders: Any) -> Batch:
        batch = Batch([sample.id for sample in samples])
        batch.samples = samples
        return batch

    def encode(self, name: str, batch: Batch) -> Batch:
        return batch

    def generate(self, seen: Any, *, generator: torch.Generator, top_p: float) -> Any:
        assert top_p == 0.5
        first, self.written = self.written, self.written + seen["image"].size
        return SimpleNamespace(ids_BT=torch.arange(first, self.written)[:, None])

    def decode(self, ids: list[int]) -> str:
        return f"a circle {ids[0]}" if ids[0] % 2 else f"a square {ids[0]}"

    def __call__(self, batch: Batch, needs: Any) -> Outputs:
        own = torch.tensor([float("circle" in sample.fields["caption"]) for sample in batch.samples])
        return Outputs(heads={"aligned": torch.stack([torch.full_like(own, 0.5), own], 1)})


def test_captions_are_written_and_what_does_not_belong_is_thrown_away() -> None:
    web, human, model = Web(pairs(70), noise=0.5), pairs(10, seed=5), Captioner()
    made = Bootstrapped(lambda name: lambda: model, web, human, captioner="one", filter="two", top_p=0.5)  # type: ignore
    assert isinstance(made, Corpus)
    train = made.split("train")
    found = [sample.fields["caption"] for sample in train]
    original = [sample.fields["caption"] for sample in web.split("train") if "circle" in sample.fields["caption"]]
    written = [f"a circle {number}" for number in range(1, 70, 2)]
    assert found == [*original, *written, *(sample.fields["caption"] for sample in human.split("train"))]
    first = train[len(original)]  # the image that was captioned first among those kept
    assert (first.fields["image"] == web.split("train")[1].fields["image"]).all() and first.targets["clean"] == -1
    assert len({sample.id for sample in train}) == len(train)
    assert [each.fields["caption"] for each in made.split("val")] == [e.fields["caption"] for e in human.split("val")]
    made.split("train")
    assert model.written == 70  # once


def test_before_the_stages_are_over_and_without_models_pairs_are_as_they_were_found() -> None:
    web, human = Web(pairs(12)), pairs(5, seed=5)
    plain = Bootstrapped(never, web, human)
    waiting = Bootstrapped(never, web, human, captioner="one")
    for made in (plain, waiting):
        found = [sample.fields["caption"] for sample in made.split("train")]
        assert found == [each.fields["caption"] for part in (web, human) for each in part.split("train")]
    assert plain.digest != waiting.digest
    assert [finding for finding in check_corpus(lambda seed: Bootstrapped(never, web, human)) if not finding.ok] == []
