"""The conformance kit on every first-party plugin: what authors are held to, we are held to."""

from __future__ import annotations

from pathlib import Path

from mmx.discovery import installed
from mmx.testing import plugin_tests

CASES = {
    "std/ast": {"width": 16, "depth": 1, "heads": 2, "frames": 64},
    "std/timm": {"model": "test_resnet"},
    "std/transformers": {"model": "bert", "tiny": True},
    "std/frames": {"image": {"use": "std/conv2d", "widths": [4, 4], "image_size": 16}, "frames": 2},
    "std/signal": {"channels": 4},
    "std/linear": {"target": "label"},
    "std/mlp": {"target": "label", "hidden": [8]},
    "std/infonce": {"a": "audio", "b": "image"},
    "std/kl": {"student": "heads.student", "teacher": "encoded.teacher"},
    "std/halving": {"every": 2},
}
"""Parameters to try parts of the standard library with that need some, or that are large."""

NAMES = sorted(entry.name for entry in installed() if entry.built_in)

test_std = plugin_tests("std", cases=CASES)
test_worlds = plugin_tests("worlds")
test_soundnet = plugin_tests("soundnet")
test_looking_to_listen = plugin_tests("looking_to_listen")
test_mulan = plugin_tests("mulan")


def test_no_plugin_is_left_out() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(NAMES) <= tested, "add a line above"


def test_every_folder_of_plugins_has_an_entry_point() -> None:
    folders = {path.name.removeprefix("mmx_") for path in (Path(__file__).parents[1] / "plugins").glob("mmx_*")}
    assert folders == {entry.name for entry in installed() if entry.built_in}
