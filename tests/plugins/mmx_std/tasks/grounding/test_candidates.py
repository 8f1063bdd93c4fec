"""Choices among boxes without a network, on images whose quadrants tell the answer."""

from __future__ import annotations

import numpy as np
import torch

from mmx.types import Sample
from mmx_std.tasks.grounding.candidates import simple, windows_of
from tests.plugins.mmx_std.tasks.grounding.quadrants import COLOURS, QUADRANTS, painted


def samples(count: int = 60) -> list[Sample]:
    """Three bright quadrants, the second one most often meant, by its colour or by its side."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        names = [str(each) for each in rng.permutation(list(COLOURS))]
        place = 1 if number % 3 else 0
        text = names[place] if number % 2 else ("left", "right")[place]
        fields = {"image": painted(dict(enumerate(names))), "text": text}
        found.append(Sample(f"{number}", fields, {"referred_box": QUADRANTS[place].numpy()}))
    return found


def test_each_method_knows_what_its_name_says() -> None:
    items = samples()
    names = ("image", "text", "referred_box")
    found = simple(items, items, [QUADRANTS[:2]] * len(items), names)
    true = torch.stack([torch.from_numpy(item.targets["referred_box"]) for item in items])
    assert (found["common_place"] == QUADRANTS[1]).all()
    right = {who: (boxes == true).all(1).numpy() for who, boxes in found.items()}
    said = np.array([item.fields["text"] in COLOURS for item in items])
    assert right["nearest_colours"][said].all() and right["nearest_place"][~said].all()
    assert not right["nearest_place"][said].all()
    assert right["nearest_both"].mean() > max(right["nearest_place"].mean(), 0.9)


def test_windows_have_the_size_of_true_boxes() -> None:
    first, second = windows_of(samples(6), 2, "referred_box")
    assert torch.equal(first, second)
    torch.testing.assert_close(first[:, 2:] - first[:, :2], torch.full((len(first), 2), 0.5))
