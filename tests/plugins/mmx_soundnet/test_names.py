"""Names of the teacher's classes."""

from __future__ import annotations

from mmx_soundnet.names import object_names


def test_names_exist_for_the_thousand_classes_only() -> None:
    names = object_names(1000)
    assert names is not None and len(names) == 1000 and names[0] == "tench"
    assert object_names(6) is None
