"""Names of splits, and deterministic splits where a corpus has none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from mmx import Corpus, DataError, Sample

__all__ = ["ALIASES", "check_shares", "everything", "group_of", "hashed_splits", "split_name"]

ALIASES: Final[Mapping[str, str]] = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "testing": "test",
}

_GROUPS: Final = ("group", "recording")
"""Usual names of the target that says what was recorded together; the first is that of manifests."""


def split_name(written: str) -> str:
    """Return the usual name of a split: `Validation` is `val`; other names stay as they are."""
    name = written.strip().lower()
    return ALIASES.get(name, name)


def check_shares(*, val: float, test: float) -> None:
    """Refuse shares of `val` and `test` that leave nothing to train on.

    Raises:
        DataError: They do.
    """
    if val + test >= 1:
        raise DataError(f"val={val:g} and test={test:g} leave nothing to train on; make them smaller")


def hashed_splits(groups: Sequence[str], *, val: float, test: float) -> list[str]:
    """Return a split for each item from the hash of its group: the same on every machine, whatever else is added.

    Only where that would leave `train`, or a `val` or `test` that was asked for, without any of at least three groups,
    the groups with the nearest hashes are moved there.

    Args:
        groups: What must stay together: the recording that a clip is from, or the item's own id.
        val: Share of groups in `val`, expected.
        test: Share of groups in `test`, expected.
    """
    places = {group: _place(group) for group in groups}
    order = sorted(places, key=lambda group: places[group])
    in_test = sum(place < test for place in places.values())
    in_val = sum(test <= place < test + val for place in places.values())
    if len(order) >= 3:
        in_test = min(max(in_test, test > 0), len(order) - 1 - (val > 0))
        in_val = min(max(in_val, val > 0), len(order) - 1 - in_test)
    chosen = {
        group: "test" if index < in_test else "val" if index < in_test + in_val else "train"
        for index, group in enumerate(order)
    }
    return [chosen[group] for group in groups]


def _place(group: str) -> float:
    """Return a number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest(), "big") / 2**64


def group_of(samples: Sequence[Sample], wanted: str | None = None) -> str:
    """Return the target that says what was recorded together; "" where no sample has any.

    Args:
        samples: Of one or several splits.
        wanted: What a task was told; where no sample has it, `group` (a manifest's column) and `recording` are taken.
    """
    names = [name for name in (wanted, *_GROUPS) if name]
    return next((name for name in names if any(name in sample.targets for sample in samples)), "")


def everything(corpus: Corpus) -> list[Sequence[Sample]]:
    """Return the split "all", or else all of train, val and test that exist."""
    parts = []
    for name in ("all", "train", "val", "test"):
        try:
            parts.append(corpus.split(name))
        except DataError:
            continue
        if name == "all":
            break
    return parts
