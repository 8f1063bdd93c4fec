"""Texts that say something else with the same words: two words of one kind change places.

"a red circle at the left and a blue square" becomes "a blue circle at the left and a red square": what is false of the
image now is how things are bound, and no count of words tells (the hard captions of Yuksekgonul et al. 2023, ARO).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

__all__ = ["Kinds", "exchanged", "exchanged_text", "kinds_of"]

T = TypeVar("T", bound=Hashable)
Kinds = Mapping[str, Sequence[str]]
"""Words by kind, such as colours and shapes."""
_WORD: Final = re.compile(r"\w+")


def exchanged(items: Sequence[T], kind_of: Mapping[T, Any], draw: Callable[[int], int]) -> list[T] | None:
    """Return the items with two different ones of one kind in each other's place; None where no kind has two.

    Args:
        items: Words, or their ids.
        kind_of: The kind of those that have one.
        draw: Gives a random number below its argument.
    """
    places: dict[Any, list[int]] = {}
    for place, item in enumerate(items):
        if item in kind_of:
            places.setdefault(kind_of[item], []).append(place)
    pairs = [
        (first, second)
        for several in places.values()
        for number, first in enumerate(several)
        for second in several[number + 1 :]
        if items[first] != items[second]
    ]
    if not pairs:
        return None
    first, second = pairs[draw(len(pairs))]
    found = list(items)
    found[first], found[second] = found[second], found[first]
    return found


def exchanged_text(text: str, kinds: Kinds, draw: Callable[[int], int]) -> str | None:
    """Return a text with two words exchanged; None where no kind has two different ones in it."""
    kind_of = {word.lower(): kind for kind, words in kinds.items() for word in words}
    found = list(_WORD.finditer(text))
    words = exchanged(
        [each.group() for each in found],
        {each.group(): kind_of[each.group().lower()] for each in found if each.group().lower() in kind_of},
        draw,
    )
    if words is None:
        return None
    parts, last = [], 0
    for each, word in zip(found, words, strict=True):
        parts += [text[last : each.start()], word]
        last = each.end()
    return "".join([*parts, text[last:]])


def kinds_of(kinds: Kinds, tokenizer: Any) -> dict[int, str]:
    """Return the kind of each token id that is one word of a kind; words of several pieces, or unknown, have none."""
    ids = ((tokenizer.id_of(word), kind) for kind, words in kinds.items() for word in words)
    return {int(number): kind for number, kind in ids if number is not None}
