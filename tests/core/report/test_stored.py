"""The page from `report.json`: the same as it was, or, of a run that was given away, with what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmx.report.stored import metric, write_page
from mmx.report.write import as_json, write_report
from mmx.support.files import write_json
from mmx.tracking.tracker import table
from mmx.types import Clip, Figure, Metric, PaperValue, Report
from tests.core.report.test_write import FACTS, media

JUDGED = Metric(
    "accuracy", 0.6, ci95=(0.5, 0.7), chance=0.1, untrained=0.2, baselines={"linear": 0.3}, controls={"shuffled": 0.2},
    references={"oracle": 1.0}, paper=PaperValue(0.9, "ten times the data"), gaps={"chance": (0.4, 0.6)}, units=12,
)  # fmt: skip
ROWS: list[dict[str, Any]] = [{"id": "a", "label": "red"}, {"id": "b", "label": "blue"}]


def test_a_metric_comes_back_as_it_was() -> None:
    back = metric(json.loads(json.dumps(as_json(Report([JUDGED], 8, 10))["metrics"][0])))
    assert back == JUDGED


def test_the_page_is_the_one_that_the_run_wrote(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("")
    clips = [Clip(f"{name}_0", each, f"the {name}") for name, each in media().items() if name != "still"]
    figures = [Figure("confusion", media()["still"], "Who is taken for whom.")]
    report = Report([JUDGED], 8, 10, ROWS, figures, clips, ["A note."])
    page = write_report(tmp_path, report, **FACTS, caveats=["Not for doctors."])
    write_json(tmp_path / "predictions.json", table(ROWS))
    before = page.read_text()
    page.unlink()
    record = json.loads((tmp_path / "report.json").read_text())
    options: dict[str, Any] = {"card": FACTS["card"], "caveats": ["Not for doctors."]}
    after = write_page(tmp_path, record, page, **options).read_text()
    missing = "<li>What was not stored with the run"
    assert missing in after  # this run has no curves
    assert before == after.replace(after[after.index(missing) : after.index("</li>", after.index(missing)) + 5], "")
    damaged = tmp_path / "media" / "audio_0.wav"
    damaged.write_bytes(b"no audio")
    assert "the both" in write_page(tmp_path, record, page, **options).read_text()


def test_a_run_that_was_given_away_has_numbers_alone(tmp_path: Path) -> None:
    record = {"experiment": "shapes", "preset": "default", "seed": 0, **as_json(Report([JUDGED], 8, 10))}
    place = write_page(tmp_path, record, tmp_path / "elsewhere.html", card=None, caveats=())
    text = place.read_text()
    assert "accuracy" in text and "peak" not in text and "mmx run shapes --seed 0" in text
