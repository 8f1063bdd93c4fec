"""The captions task on a head whose captions are known: it reads the class of an item out of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError, PortError
from mmx.interfaces import Task
from mmx.model.model import Model
from mmx.types import Batch, Features, Sample
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.fusers.pooled import NoFusion
from mmx_std.heads.decoders.search import Written
from mmx_std.tasks.captions.task import Captions
from tests.plugins.mmx_std.judges import Judged, Listed

SHADES = ("dark", "grey", "light")
LEVELS = (10, 120, 240)


class Shade(nn.Module):
    """The mean of an image's pixels."""

    modality, out_dim = "image", 1

    def __init__(self, trained: bool) -> None:
        super().__init__()
        self.trained = trained

    def prepare(self, raw: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(raw.transpose(2, 0, 1)))

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        level_B1 = x.float().flatten(1).mean(1, keepdim=True) * self.trained
        return Features(level_B1, level_B1[:, None].expand(-1, 9, -1))


class Names(nn.Module):
    """Writes "a SHADE room" of the nearest shade; looks at the place of the shade's number, or at all alike."""

    needs = ("encoded.image", "encoded.caption")
    reads, attention = "encoded.image", "soft"

    def __init__(self, texts: TokenIds) -> None:
        super().__init__()
        self.texts = texts.tokenizer

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        raise AssertionError("the true captions are not read in judging")

    def generate(
        self, fused: Mapping[str, Features], *, beam: int, length_penalty: float, attention: str | None = None
    ) -> Written:
        level_B = fused["image"].pooled_BD[:, 0]
        shade_B = (level_B[:, None] - torch.tensor(LEVELS)).abs().argmin(1)
        if attention == "uniform":
            shade_B = torch.zeros_like(shade_B)
        texts = [f"a {SHADES[number]} room" for number in shade_B]
        ids = [[number for number in self.texts.encode(text).tolist() if number > 4] for text in texts]
        maps_BTP = torch.nn.functional.one_hot(shade_B, 9)[:, None].expand(-1, 3, -1)
        return Written(torch.tensor([[*each, -1] for each in ids]), -level_B, maps_BTP)


@dataclass
class World:
    """A corpus and models that know nothing or everything."""

    corpus: Listed
    trained: Model
    untrained: Model

    @property
    def test(self) -> list[Sample]:
        """Samples of split test."""
        return list(self.corpus.split("test"))


@pytest.fixture(scope="module")
def world() -> World:
    def sample(split: str, number: int) -> Sample:
        shade = number % 3
        image = np.full((6, 6, 3), LEVELS[shade] + number % 5, np.uint8)
        truth = {"shade": shade, "cell": shade if number % 2 else -1}
        return Sample(f"{split}-{number}", {"image": image, "caption": f"A {SHADES[shade]} room."}, truth)

    splits = {name: [sample(name, number) for number in range(12)] for name in ("train", "test")}
    corpus = Listed(splits, {"shade": SHADES, "cell": None})
    corpus.fields = {"image": "image", "caption": "text"}
    texts = TokenIds(corpus, vocabulary=20, tokens=8)  # type: ignore[arg-type]

    def model(trained: bool) -> Model:
        encoders = {"image": Shade(trained), "caption": texts}
        fuser = NoFusion({"image": 1, "caption": 1})
        return Model(encoders, fuser, {"words": Names(texts)}, {"image": "image", "caption": "caption"})

    return World(corpus, model(True), model(False))


def task(**options: Any) -> Captions:
    return Captions({"shade": SHADES, "cell": None}, **options)


def test_captions_are_judged_beside_controls_and_baselines(world: World) -> None:
    judge = task(things="shade", cells="cell", shown=2)
    assert isinstance(judge, Task) and judge.check(world.trained, world.corpus, "test") == []
    report = judge.evaluate(world.trained, world.corpus, Judged(world.untrained))  # type: ignore[arg-type]
    found = {each.name: each for each in report.metrics}
    assert next(iter(found)) == "object_recall" and report.used == report.expected == 12
    recall = found["object_recall"]
    assert recall.value == 1.0 and found["exact"].value == 1.0 and found["bleu_4"].value == 0.0  # three words
    third = pytest.approx(1 / 3)  # "dark" whatever is shown
    assert recall.untrained == third and recall.controls["without_image"] == third
    assert recall.controls["uniform_attention"] == third
    assert recall.controls["shuffled_image"] < 1.0
    assert recall.baselines["most_frequent_caption"] == third
    assert recall.baselines["nearest_caption_colours"] == 1.0
    assert found["pointing"].value == 1.0
    assert len(report.figures) == 2 and report.predictions[1]["predicted"] == "a grey room"


def test_captions_of_simple_methods_are_those_of_training(world: World) -> None:
    other = [Sample(f"train-{n}", each.fields | {"caption": "A blue door."}, {}) for n, each in enumerate(world.test)]
    corpus = Listed({"train": other, "test": world.test}, {"shade": SHADES, "cell": None})
    corpus.fields = world.corpus.fields
    report = task(things="shade").evaluate(world.trained, corpus, Judged(world.untrained))  # type: ignore[arg-type]
    assert report.metrics[0].baselines and not any(report.metrics[0].baselines.values())


def test_without_known_things_the_words_are_compared(world: World) -> None:
    report = task(simple=False).evaluate(world.trained, world.corpus, Judged(world.untrained))  # type: ignore[arg-type]
    assert report.metrics[0].name == "rouge_l" and report.metrics[0].value == 1.0 and not report.metrics[0].baselines


def test_an_image_of_ones_own_gets_a_caption_and_its_strip(world: World) -> None:
    image = np.full((6, 6, 3), 239, np.uint8)
    found = task().predict(world.trained, {"image": image})
    assert found.rows[0]["caption"] == "a light room" and found.rows[0]["log_probability"] == -239.0
    (clip,) = found.clips
    assert clip.key == "attention" and clip.media.dtype == np.uint8 and clip.media.shape[2] == 3


def test_what_cannot_be_judged_is_told(world: World, tmp_path: Path) -> None:
    bare = Listed({"test": [Sample("a", {"image": np.zeros((6, 6, 3), np.uint8), "caption": None})]}, {})
    bare.fields = world.corpus.fields
    assert "has a caption" in task().check(world.trained, bare, "test")[0]
    with pytest.raises(DataError, match="no item of split 'test' has a caption"):
        task().evaluate(world.trained, bare, Judged(world.untrained))  # type: ignore[arg-type]
    mute = Model(world.trained.encoders, world.trained.fuser, {"words": nn.Linear(1, 1)}, world.trained.fields)
    with pytest.raises(PortError, match=r"heads\.words does not write"):
        task().predict(mute, {"image": None})
