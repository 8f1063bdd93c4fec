"""The transformers that the paper names (its table of sizes, section 4.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mmx import ConfigError, UnknownNameError, did_you_mean


@dataclass(frozen=True, slots=True)
class Size:
    """A transformer.

    Attributes:
        layers: Blocks.
        width: D of its tokens; 0 = whatever its tokeniser gives.
        hidden: Width of the feed-forward part.
        heads: Attention heads.
    """

    layers: int
    width: int
    hidden: int
    heads: int


PUBLISHED: Final[Mapping[str, Size]] = {
    "small": Size(6, 512, 2048, 8),
    "base": Size(12, 768, 3072, 12),
    "medium": Size(12, 1024, 4096, 16),
    "large": Size(24, 1024, 4096, 16),
}


def size_of(value: str | Mapping[str, int], width: int, name: str) -> Size:
    """Return the size that a configuration means for tokens of `width`.

    Args:
        value: A published name, or `{layers, heads}` and perhaps `hidden` (default: four times the width).
        width: D of the tokens.
        name: Whose transformer it is, for messages.

    Raises:
        UnknownNameError: No size of this name.
        ConfigError: The width is another, or the heads do not divide it, or a key is unknown.
    """
    if isinstance(value, str):
        if value not in PUBLISHED:
            hint = did_you_mean(value, PUBLISHED)
            raise UnknownNameError(f"{name}: no size {value!r}{hint}; sizes: {', '.join(PUBLISHED)}")
        size = PUBLISHED[value]
        if size.width != width:
            raise ConfigError([f"{name}: size {value} has width {size.width}, its tokens have {width}; set its width"])
        return size
    unknown = sorted(set(value) - {"layers", "heads", "hidden"})
    if unknown or not {"layers", "heads"} <= set(value):
        raise ConfigError([f"{name}: a size is a name or {{layers, heads, hidden}}, not {dict(value)}"])
    size = Size(value["layers"], width, value.get("hidden", 4 * width), value["heads"])
    if min(size.layers, size.hidden, size.heads) < 1 or width % size.heads:
        raise ConfigError([f"{name}: {size.heads} heads do not divide width {width}, or a number is below 1"])
    return size
