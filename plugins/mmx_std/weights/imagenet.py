"""The names of the 1,000 ImageNet classes, in the order of every ImageNet-1k classifier's logits."""

from __future__ import annotations

from functools import cache

__all__ = ["class_names"]


@cache
def class_names() -> tuple[str, ...]:
    """Return the first name of each class, index 0 to 999: "tench", "goldfish", ...

    They come with timm. Two pairs of classes share a name ("crane", the bird and the machine, and "maillot"); the later
    of each pair carries its index, so that all 1,000 differ.
    """
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    names: list[str] = []
    taken: set[str] = set()
    for index in range(info.num_classes()):
        name = info.index_to_description(index).partition(",")[0].strip()
        names.append(f"{name} ({index})" if name in taken else name)
        taken.add(name)
    return tuple(names)
