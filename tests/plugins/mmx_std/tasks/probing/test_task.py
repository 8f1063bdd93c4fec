"""The probe on tones and colours: it finds what features hold, and names a user's own input."""

from __future__ import annotations

from typing import Any

import pytest

from mmx.errors import DataError, PortError
from mmx.model.model import Model
from mmx.report.verdict import verdict
from mmx_std.tasks.probing.task import Probe


def probe(**options: Any) -> Probe:
    return Probe(**{"folds": 3, "repeats": 2, "calibration": 12, **options})


def test_features_that_hold_the_class_are_found_and_judged_with_all_that_stands_beside(
    model: Model, run: Any, corpus: Any
) -> None:
    report = probe(reads="fused.objects", sweep=["tokens", "elsewhere"]).evaluate(model, corpus, run)
    [accuracy] = report.metrics
    assert (accuracy.value, accuracy.untrained, accuracy.chance) == (1.0, 1.0, pytest.approx(1 / 3))
    assert (accuracy.units, accuracy.unit) == (12, "recordings")
    assert set(accuracy.references) == {"as_saved", "as_initialised", "random_best_layer"}
    assert set(accuracy.controls) == {"majority"}
    assert [figure.key for figure in report.figures] == ["confusion", "features", "layers"]
    assert verdict(report) == "not better than untrained"
    assert report.clips == []


def test_a_part_of_a_heads_prediction_is_a_layer(model: Model, run: Any, corpus: Any) -> None:
    report = probe(reads="audio", layer="objects", head="labels").evaluate(model, corpus, run)
    assert report.metrics[0].value == report.metrics[0].untrained, "nothing was trained"
    assert len(report.clips) == 6
    with pytest.raises(PortError, match="'objects'"):
        probe(reads="audio", layer="objects").evaluate(model, corpus, run)


def test_a_users_input_is_named(model: Model, corpus: Any) -> None:
    sample = corpus.split("test")[1]
    raw = {"frames": sample.fields["frames"]}
    prediction = probe(items=corpus, reads="encoded.objects").predict(model, raw)
    assert prediction.rows[0]["class"] == "middle"
    assert prediction.rows[0]["score"] > 0 > prediction.rows[1]["score"]
    with pytest.raises(DataError, match="items"):
        probe(reads="encoded.objects").predict(model, raw)


def test_what_is_missing_is_told_before_a_run(model: Model, corpus: Any) -> None:
    assert probe(reads="audio").check(model, corpus, "test") == []
    [lack] = probe(reads="audio", target="kind").check(model, corpus, "test")
    assert "kind" in lack
