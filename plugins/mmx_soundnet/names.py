"""Names of the ImageNet classes, as timm ships them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache


@cache
def object_names(classes: int) -> Sequence[str] | None:
    """Return the first name of each of the 1,000 ImageNet classes in their usual order; None for another number."""
    if classes != 1000:
        return None
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(info.index_to_description(index).split(",")[0] for index in range(classes))
