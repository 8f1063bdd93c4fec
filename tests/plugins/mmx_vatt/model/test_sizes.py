"""The published sizes, by name and by number."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import ConfigError, UnknownNameError
from mmx_std.ops.tokens.patches import Grid
from mmx_std.ops.tokens.transformer import PreNormTransformer
from mmx_vatt.model.sizes import PUBLISHED, Size, size_of
from tests.plugins.mmx_vatt.conftest import MILLIONS


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameter_counts(name: str) -> None:
    """The paper's numbers are those of the transformer with the tokeniser of video and one layer to 512: within 1 %."""
    size = PUBLISHED[name]
    with torch.device("meta"):
        transformer = PreNormTransformer(size.layers, size.width, size.heads, size.hidden)
    blocks = sum(parameter.numel() for parameter in transformer.parameters())
    d, m = size.width, size.hidden
    assert blocks == size.layers * ((4 * d * d + 4 * d) + (2 * d * m + d + m) + 4 * d) + 2 * d
    around = (Grid(32, 224, (4, 16, 16)).values + 1) * d + d + (d + 1) * 512
    assert (blocks + around) / 1e6 == pytest.approx(MILLIONS[name], rel=0.01)


def test_sizes_by_name_and_by_number() -> None:
    assert size_of("base", 768, "sizes.video") == Size(12, 768, 3072, 12)
    assert size_of({"layers": 3, "heads": 4}, 96, "x") == Size(3, 96, 384, 4)
    assert size_of({"layers": 1, "heads": 2, "hidden": 7}, 8, "x") == Size(1, 8, 7, 2)


@pytest.mark.parametrize(
    ("value", "width", "said"),
    [("base", 512, "has width 768"), ({"layers": 2}, 8, "a size is"), ({"layers": 2, "heads": 3}, 8, "do not divide")],
)
def test_sizes_that_do_not_fit(value: str | dict[str, int], width: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        size_of(value, width, "x")


def test_an_unknown_size() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'large'"):
        size_of("lareg", 1024, "x")
