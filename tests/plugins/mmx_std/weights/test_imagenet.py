"""The names of the ImageNet classes."""

from __future__ import annotations

from mmx_std.weights.imagenet import class_names


def test_a_thousand_different_names_in_the_usual_order() -> None:
    names = class_names()
    assert len(names) == len(set(names)) == 1000
    assert (names[0], names[1], names[207], names[999]) == ("tench", "goldfish", "golden retriever", "toilet tissue")


def test_of_two_classes_with_one_name_the_later_carries_its_index() -> None:
    names = class_names()
    assert names[134] == "crane" and names[517] == "crane (517)"
