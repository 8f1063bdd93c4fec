"""The conformance kit on every first-party plugin: what authors are held to, we are held to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmx.plugins.discovery import installed
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

SPEECH2FACE = {
    "speech2face/album": {"image": {"use": "speech2face/face-net", "dim": 8, "widths": [4, 4], "side": 16}},
    "speech2face/voice-tower": {"encoder": {"use": "std/audio-cnn"}, "dim": 8},
}
ALBUMS = {"images": [(np.full((20, 20, 3), value, np.uint8),) * value for value in (1, 2, 3)]}
"""Nested encoders need one, and mmx knows no raw albums."""

NAMES = sorted(entry.name for entry in installed() if entry.built_in)

test_std = plugin_tests("std", cases=CASES)
test_worlds = plugin_tests("worlds")
test_soundnet = plugin_tests("soundnet")
test_looking_to_listen = plugin_tests("looking_to_listen")
test_mulan = plugin_tests("mulan")
test_speech2face = plugin_tests("speech2face", cases=SPEECH2FACE, raws=ALBUMS)
test_vatt = plugin_tests("vatt")
test_hero = plugin_tests("hero", cases={"hero/precomputed": {"columns": 4, "flat": 2, "frames": 70}})


def test_no_plugin_is_left_out() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(NAMES) <= tested, "add a line above"


def test_every_folder_of_plugins_has_an_entry_point() -> None:
    folders = {path.name.removeprefix("mmx_") for path in (Path(__file__).parents[1] / "plugins").glob("mmx_*")}
    assert folders == {entry.name for entry in installed() if entry.built_in}
