"""Names of shards and of their members: which sample a member belongs to, and which split a shard is of.

The conventions are those of webdataset (`train-000000.tar`, KEY ends at the first dot), of Hugging Face
(`toy-train-0000.tar`) and of img2dataset (`train/00000.tar`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from mmx import DataError
from mmx_std.corpora.splits import ALIASES, split_name

TEXTS: Final = ("txt", "text", "transcript")
"""Suffixes of members that hold a text."""
CLASSES: Final = ("cls", "class")
"""Suffixes of members that hold a class."""
_SPLITS: Final = frozenset(("train", "val", "test", *ALIASES))
_KINDS: Final = "set|data|split|shards?|part|files?|images?|clips?|videos?|audio"
_GLUED: Final = re.compile(rf"({'|'.join(sorted(_SPLITS, key=len, reverse=True))})(?:{_KINDS})")
_PERHAPS: Final = re.compile(r"(?:train|test|valid)\w*|\w*(?:train|test|valid)")
_ORDINARY: Final = frozenset(
    {
        *("attest", "constrain", "contest", "fastest", "greatest", "invalid", "largest", "latest", "protest"),
        *("restrain", "retest", "smallest", "strain", "testament", "testimony", "trainer", "trainers", "validity"),
    }
)
"""Words that hold the name of a split and mean none."""


def key_of(name: str) -> tuple[str, str] | None:
    """Return key and extension of a member; None for what is no part of a sample.

    The key is everything before the first dot of the file's name, folders included. Names that begin with a dot (macOS
    puts `._NAME` beside each file) and parts like `__MACOSX` and `__meta__` belong to no sample.
    """
    folder, _, base = name.removeprefix("./").rpartition("/")
    key, dot, extension = base.partition(".")
    if not key or not dot or re.search(r"(^|/)__[^/]*__($|/)|(^|/)__MACOSX/|(^|/)\.[^/]", f"{folder}/{key}"):
        return None
    return (f"{folder}/{key}" if folder else key), extension.lower()


def shard_split(root: Path, shard: Path, given: Mapping[str, str]) -> str:
    """Return the split that a shard's name or else its folders' names tell, "" where they tell none.

    Args:
        root: The folder that was asked for, or the shard itself.
        shard: A shard in it.
        given: Pattern of names -> split; it comes before what the names tell.

    Raises:
        DataError: The names tell two splits, or hold the name of a split in a longer word.
    """
    relative = shard.name if shard == root else shard.relative_to(root).as_posix()
    for pattern, split in given.items():
        if fnmatch(relative, pattern) or fnmatch(shard.name, pattern):
            return split_name(split)
    told = [split for part in relative[: -len(".tar")].split("/") for split in _told(part)]
    if len(set(told)) > 1:
        raise DataError(f"{shard}: the name tells {' and '.join(sorted(set(told)))}; {_ask(relative)}")
    if told:
        return told[0]
    folder = (root.parent if shard == root else root).name.lower()
    if folder in _SPLITS:
        return split_name(folder)
    for word in re.findall(r"[a-z]+", relative[: -len(".tar")].lower()):
        if _PERHAPS.fullmatch(word) and word not in _ORDINARY:
            raise DataError(f"{shard}: is {word!r} the name of a split? {_ask(relative)}")
    return ""


def key_split(key: str) -> str:
    """Return the split that a sample's key tells: its folder (`train/0001`), or its first word (`train_0001`)."""
    *folders, base = key.lower().split("/")
    for name in (*reversed(folders), re.split(r"[^a-z]", base)[0]):
        if name in _SPLITS:
            return split_name(name)
    return ""


def check_all_named(splits: Mapping[str, str], unnamed: Sequence[str]) -> None:
    """Refuse shards of which some tell their split and others hold samples that would be given any.

    Args:
        splits: Name of shard -> split, "" for those that tell none.
        unnamed: Names of shards with samples of no split.

    Raises:
        DataError: There are such shards beside others that tell their split.
    """
    named = sorted(name for name, split in splits.items() if split)
    if named and unnamed:
        raise DataError(f"{unnamed[0]}: which split is it of? {named[0]} is of {splits[named[0]]}; {_ask(unnamed[0])}")


def _told(part: str) -> list[str]:
    """Return the splits that stand as words in a part of a path: `toy1k-train-0000`, `cocoVal2017`, `testset`."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", part).lower())
    found = [match[1] if (match := _GLUED.fullmatch(word)) else word for word in words]
    return list(dict.fromkeys(split_name(word) for word in found if word in _SPLITS))


def _ask(name: str) -> str:
    return f'say it: \'corpus.splits={{"{name}": train}}\' (a pattern like "part-*" names several)'
