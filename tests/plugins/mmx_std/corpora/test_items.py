from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx_std.corpora.decoding import FileSource, Media
from mmx_std.corpora.items import FileCorpus, Item, Samples, fields_of, targets_of

ITEMS = [
    Item("a", 1, texts={"text": "one"}, labels={"label": "10", "labels": ("x", "y")}, group="a", split="train"),
    Item("b", 2, texts={"text": "two"}, labels={"label": "9"}, group="b", split="train"),
    Item("c", 3, texts={"text": "three"}, labels={"label": "11", "labels": ()}, group="c", split="test"),
]


def test_class_names_come_from_train_and_numbers_are_sorted_by_value() -> None:
    assert targets_of(ITEMS, {}) == {"label": ("9", "10"), "labels": ("x", "y")}
    assert targets_of(ITEMS[2:], {}) == {"label": ("11",), "labels": ()}
    assert targets_of(ITEMS, {"label": ["11", "10", "9"]})["label"] == ("11", "10", "9")
    with pytest.raises(DataError, match="did you mean 'label'"):
        targets_of(ITEMS, {"lable": ["a"]})


class Whole(FileCorpus):
    digest = "as it was"


def whole(items: list[Item]) -> Whole:
    return Whole(Path("mine.csv"), items, targets_of(items, {}), fields_of(items), "Some.")


def test_a_split_is_its_items_in_order_and_an_unknown_one_is_refused() -> None:
    assert [sample.id for sample in whole(ITEMS).split("train")] == ["a", "b"]
    with pytest.raises(DataError, match=r"mine\.csv has no split 'trian'; did you mean 'train'\?; splits: test, train"):
        whole(ITEMS).split("trian")
    with pytest.raises(DataError, match="splits: none"):
        whole([]).split("train")


def test_samples_hold_indices_and_unknown_is_minus_one() -> None:
    samples = Samples(ITEMS, targets_of(ITEMS, {}))
    assert [sample.targets["label"] for sample in samples] == [1, 0, -1]
    assert [sample.targets["labels"].tolist() for sample in samples] == [[1, 1], [-1, -1], [0, 0]]
    assert samples[0].targets["labels"].dtype == np.float32
    assert samples[-1].id == "c"
    assert [sample.id for sample in samples[1:]] == ["b", "c"]
    with pytest.raises(IndexError):
        samples[3]


def test_groups_are_a_target_where_there_are_any() -> None:
    items = [Item("a", 1, texts={"text": "one"}, group="g"), Item("b", 2, texts={"text": "two"}, group="g")]
    classes = targets_of(items, {})
    assert classes == {"group": None}
    assert Samples(items, classes)[1].targets == {"group": "g"}


def test_fields_are_decoded_when_asked_for_and_once(media: Path) -> None:
    class Counting(FileSource):
        reads = 0

        def read(self, media: Media, *, glance: bool) -> object:
            type(self).reads += 1
            return FileSource.read(self, media, glance=glance)

    item = Item("a", 1, {"audio": Media("audio", Counting(media / "low.wav"))}, {"text": "low"})
    fields = Samples([item], {})[0].fields
    assert list(fields) == ["audio", "text"]
    assert len(fields) == 2
    assert fields["text"] == "low"
    assert fields.get("image") is None
    assert Counting.reads == 0
    assert fields["audio"] is fields["audio"]
    assert Counting.reads == 1


def test_samples_travel_to_workers_as_recipes(media: Path) -> None:
    items = [Item("a", 1, {"audio": Media("audio", FileSource(media / "low.wav"))})]
    samples = Samples(items, {})
    samples[0].fields["audio"]
    sent = pickle.dumps(samples)
    assert len(sent) < 2000
    assert pickle.loads(pickle.dumps(samples[0])).fields["audio"].samples_CT.shape == (1, 800)


@pytest.mark.parametrize("count", [0, 1, 7, 64])
@pytest.mark.parametrize(("world", "workers"), [(1, 1), (3, 1), (2, 3), (8, 4)])
def test_the_portions_of_all_workers_are_exactly_the_whole(count: int, world: int, workers: int) -> None:
    samples = Samples([Item(str(i), i) for i in range(count)], {})
    parts = [samples.portion(rank, world, worker, workers) for rank in range(world) for worker in range(workers)]
    assert [sample.id for part in parts for sample in part] == [str(i) for i in range(count)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(ValueError, match="part"):
        samples.portion(world, world)


_ORDER = """
from mmx_std.corpora.items import FileCorpus, Item, targets_of
names = ["2", "nan", "10", "inf", "NaN", "b", "1e1", "-inf", "1.0", "1", "a", "-3"]
items = [Item(str(i), i, texts={"text": "x"}, labels={"label": name}, split="train") for i, name in enumerate(names)]
print(*targets_of(items, {})["label"])
"""


@pytest.mark.parametrize("seed", ["0", "1", "2", "3"])
def test_classes_have_one_order_in_every_process(seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    found = subprocess.run([sys.executable, "-c", _ORDER], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["-3", "1", "1.0", "2", "10", "1e1", "-inf", "NaN", "a", "b", "inf", "nan"]


def test_items_under_the_names_of_a_model() -> None:
    corpus = whole(ITEMS)
    assert corpus.strangers("test") == {"label": {"11": 1}, "labels": {}}
    known = corpus.with_classes({"label": ["11", "9"]})
    assert [sample.targets["label"] for sample in known.split("train")] == [-1, 1]
    assert known.split("test")[0].targets["label"] == 0
    assert known.strangers("train")["label"] == {"10": 1} and known.digest == "as it was"
    assert corpus.targets["label"] == ("9", "10")
