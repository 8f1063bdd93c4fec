"""Splits of a corpus: names, shares, groups, and hashes that are the same everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from mmx.errors import DataError
from mmx.types import Sample
from mmx_std.corpora.splits import check_shares, everything, group_of, hashed_splits, split_name

PINNED = ["train", "train", "train", "val", "train", "train", "test", "train", "train", "train", "test", "train"]
"""Splits of `clip 0.wav` to `clip 11.wav`: changing them would move items of existing corpora."""


def test_names_that_people_write() -> None:
    assert [split_name(name) for name in ("Validation", " dev", "TRAINING", "test", "fold_3")] == [
        "val",
        "val",
        "train",
        "test",
        "fold_3",
    ]


def test_shares_are_met_and_an_item_never_moves() -> None:
    ids = [f"item {i}" for i in range(4000)]
    splits = dict(zip(ids, hashed_splits(ids, val=0.1, test=0.2), strict=True))
    counts = Counter(splits.values())
    # standard deviations of these counts: 19 and 25
    assert counts["val"] == pytest.approx(400, abs=5 * 19)
    assert counts["test"] == pytest.approx(800, abs=5 * 25)
    half = ids[1000:3000][::-1]
    assert hashed_splits(half, val=0.1, test=0.2) == [splits[name] for name in half]


def test_a_hash_is_the_same_in_every_process() -> None:
    ids = [f"clip {i}.wav" for i in range(12)]
    # Derived again: the first eight bytes of BLAKE2b as a fraction; [0, 0.25) is test, [0.25, 0.5) is val.
    shares = [int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") / 2**64 for name in ids]
    expected = ["test" if share < 0.25 else "val" if share < 0.5 else "train" for share in shares]
    code = (
        "from mmx_std.corpora.splits import hashed_splits;"
        "print(*hashed_splits([f'clip {i}.wav' for i in range(12)], val=0.25, test=0.25))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, timeout=280
        )
        assert done.stdout.split() == expected == PINNED


def test_groups_stay_together() -> None:
    groups = [f"recording {i // 5}" for i in range(200)]
    splits = hashed_splits(groups, val=0.2, test=0.2)
    assert len(set(zip(groups, splits, strict=True))) == 40


@pytest.mark.parametrize("count", [3, 4, 5, 8])
@pytest.mark.parametrize("seed", range(12))
def test_small_corpora_have_every_split_that_was_asked_for(count: int, seed: int) -> None:
    ids = [f"{seed}/{i}" for i in range(count)]
    assert set(hashed_splits(ids, val=0.15, test=0.15)) == {"train", "val", "test"}
    assert set(hashed_splits(ids, val=0.0, test=0.15)) == {"train", "test"}
    assert set(hashed_splits(ids, val=0.0, test=0.0)) == {"train"}
    assert set(hashed_splits(ids, val=0.48, test=0.48)) == {"train", "val", "test"}


@pytest.mark.parametrize(("offered", "taken"), [(("all", "train"), ["all"]), (("train", "test"), ["train", "test"])])
def test_everything_is_all_or_the_usual_splits(offered: tuple[str, ...], taken: list[str]) -> None:
    class Corpus:
        def split(self, name: str) -> list[Sample]:
            if name not in offered:
                raise DataError(f"no split {name}")
            return [Sample(name, {})]

    assert [part[0].id for part in everything(Corpus())] == taken  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("targets", "wanted", "found"),
    [
        ({"group": "g", "recording": "r"}, None, "group"),
        ({"group": "g", "recording": "r"}, "recording", "recording"),
        ({"group": "g"}, "recording", "group"),
        ({"recording": "r"}, "album", "recording"),
        ({"label": 1}, "album", ""),
    ],
)
def test_a_group_column_is_found_whatever_is_asked_for(targets: dict[str, object], wanted: str, found: str) -> None:
    assert group_of([Sample("a", {}, {}), Sample("b", {}, targets)], wanted) == found


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    check_shares(val=0.5, test=0.4)
    with pytest.raises(DataError, match=r"val=0.5 and test=0.5 leave nothing"):
        check_shares(val=0.5, test=0.5)
