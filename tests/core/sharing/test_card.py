"""The card: its front matter, and text that cannot break out of its place."""

from __future__ import annotations

from dataclasses import replace

import yaml

from mmx import LoadedRun
from mmx.report.write import as_json
from mmx.sharing import card
from mmx.types import Card, Report
from tests.core.runs.test_history import ACCURACY


def test_what_a_card_says(trained: LoadedRun) -> None:
    told = card.facts(trained.built, None)
    assert told["encoders"] == {"image": "std/conv2d"}
    metric = replace(ACCURACY, name="a|b\n# no heading")
    report = {**as_json(Report([metric], 16, 16)), "verdict": "learned"}
    plugins = {"std": Card("mmx", "Parts", "Apache-2.0")}
    text = card.text("my-model", trained.built, told, report, plugins, ["not for\n# medicine"])
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["model-index"][0]["name"] == "my-model"
    assert [line for line in body.splitlines() if line.startswith("# ")] == ["# my-model"]
    assert "mmx predict my-model image.png" in body
    assert "| a\\|b" in body
    assert "- code of plugin `std`: Apache-2.0" in body
    assert "- not for # medicine" in body


def test_a_run_that_was_not_judged(trained: LoadedRun) -> None:
    text = card.text("m", trained.built, card.facts(trained.built, None), {}, {}, [])
    assert "model-index" not in text and "Results" not in text and "Caveats" not in text
