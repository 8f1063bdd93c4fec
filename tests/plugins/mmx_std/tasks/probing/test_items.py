"""Labelled items: gathering, dividing, telling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError, PortError
from mmx.types import Sample
from mmx_std.tasks.probing.items import (
    Items,
    chosen,
    divide,
    examples,
    gather,
    recordings,
    rows,
    told_group,
)
from mmx_std.tasks.probing.linear import Judgement


def test_the_split_all_comes_first_and_missing_labels_are_left_out(corpus: Any) -> None:
    items = gather(corpus, "audio", "label", "shuffled", "test")
    assert [sample.id for sample in items.samples] == [f"all-{number}" for number in range(24)]
    assert items.labels.tolist() == [number % 3 for number in range(24)]
    assert items.names == ("low", "middle", "high")
    assert [sample.id for sample in items.only({"all-3", "all-20"}).samples] == ["all-3", "all-20"]
    assert items.only({"all-3", "all-20"}).labels.tolist() == [0, 2]


def test_without_a_split_all_every_split_is_used(corpus: Any) -> None:
    class Divided:
        fields, targets = corpus.fields, corpus.targets

        @staticmethod
        def split(name: str) -> list[Sample]:
            if name in ("all", "val"):
                raise DataError(name)
            return [*corpus.split(name)[:3], Sample(f"{name}-unlabelled", {}, {})]

    items = gather(Divided(), "audio", "label", "shuffled", "test")  # type: ignore[arg-type]
    assert [sample.id for sample in items.samples] == ["train-0", "train-1", "train-2", "test-0", "test-1", "test-2"]


@pytest.mark.parametrize(("field", "target"), [("sound", "label"), ("audio", "kind"), ("audio", "recording")])
def test_what_is_missing_is_named_with_what_is_there(corpus: Any, field: str, target: str) -> None:
    with pytest.raises(PortError, match=r"fields: audio, frames; targets: label"):
        gather(corpus, field, target, "shuffled", "test")


def test_no_labelled_sound_is_an_error(corpus: Any) -> None:
    corpus.split = lambda name: [Sample("a", {}, {})]
    with pytest.raises(DataError, match="no item has a 'label'"):
        gather(corpus, "audio", "label", "shuffled", "test")


def test_official_folds_and_splits_are_kept(corpus: Any) -> None:
    [folds] = divide(gather(corpus, "audio", "label", "official", "test"), "official", "recording", folds=4, repeats=5)
    assert [fold.test.tolist() for fold in folds] == [list(range(12)), list(range(12, 24))]
    items = gather(corpus, "audio", "label", "splits", "test")
    [[fold]] = divide(items, "splits", "recording", folds=4, repeats=5)
    assert {items.samples[place].id.split("-")[0] for place in fold.train} == {"train"}
    assert {items.samples[place].id.split("-")[0] for place in fold.test} == {"test"}


def test_shuffles_keep_recordings_together(corpus: Any) -> None:
    items = gather(corpus, "audio", "label", "shuffled", "test")
    plan = divide(items, "shuffled", "recording", folds=3, repeats=2)
    assert len(plan) == 2
    for folds in plan:
        for fold in folds:
            train, test = (
                {items.samples[place].targets["recording"] for place in part} for part in (fold.train, fold.test)
            )
            assert not train & test


def test_rows_and_examples_tell_what_happened(corpus: Any) -> None:
    items = gather(corpus, "audio", "label", "shuffled", "test")
    guesses = np.stack([items.labels, items.labels])
    guesses[:, 5], guesses[0, 7], guesses[:, 9] = 0, 2, -1  # never right, right once, not judged
    scores = np.eye(3)[np.where(np.arange(24) == 5, 0, items.labels)]
    judgement = Judgement(guesses, scores, items.labels, [0.01])
    table = rows(items, judgement, judgement, recordings(items, "recording"))
    assert len(table) == 23
    assert all(next(iter(row)) == "id" for row in table)
    by_id = {row["id"]: row for row in table}
    assert by_id["all-5"] == {
        "id": "all-5",
        "unit": "2-0",
        "label": "high",
        "predicted": "low",
        "recognised": 0.0,
        "recognised_untrained": 0.0,
    }
    assert by_id["all-7"]["recognised"] == 0.5
    assert "all-9" not in by_id
    shown = {sample.id: caption for sample, caption in chosen(items, judgement)}
    assert len(shown) == 6
    assert shown["all-5"] == "high, taken for low"
    clips = examples(items, judgement, "audio")
    assert len({clip.key for clip in clips}) == 6
    assert clips[0].media is next(s for s in items.samples if s.id in clips[0].caption).fields["audio"]


def test_rare_classes_are_left_out_by_name_and_the_rest_counted_anew() -> None:
    samples = [Sample(str(number), {}) for number in range(6)]
    items = Items(samples, np.array([2, 0, 2, 1, 2, 0]), ["a", "b", "c", "unused"], np.full(6, -1))
    kept, rare = items.frequent(2)
    assert [sample.id for sample in kept.samples] == ["0", "1", "2", "4", "5"]
    assert kept.labels.tolist() == [1, 0, 1, 1, 0]
    assert kept.names == ["a", "c"]
    assert rare == ["b"]
    with pytest.raises(DataError, match="fewer than two classes have 3 items"):
        items.frequent(3)


@pytest.mark.parametrize("name", ["recording", "group"])
def test_a_group_is_used_by_either_name_and_none_is_told(name: str) -> None:
    samples = [Sample(str(i), {}, {"label": i % 2, name: i // 4}) for i in range(24)]
    items = Items(samples, np.arange(24) % 2, ("a", "b"), np.full(24, -1))
    for folds in divide(items, "shuffled", "recording", folds=3, repeats=2):
        for fold in folds:
            assert not {place // 4 for place in fold.train} & {place // 4 for place in fold.test}
    assert told_group(items, "recording") == f"Items of one {name} are in one fold (6 of them)."
    alone = Items([Sample("a", {}, {"label": 0})], np.zeros(1), ("a",), np.zeros(1))
    assert "each item counts as one of its own" in told_group(alone, "recording")
