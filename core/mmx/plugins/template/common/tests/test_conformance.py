"""The kit of mmx on every part of this plugin: contracts, card, experiments, smoke runs."""

from pathlib import Path

from mmx.testing import plugin_tests

test_conformance = plugin_tests("my_plugin", folder=Path(__file__).parents[1])
