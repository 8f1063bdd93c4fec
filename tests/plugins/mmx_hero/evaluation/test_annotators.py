"""Queries that several annotators gave a time to: joined by video and words, and judged by all of the times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from mmx.types import Cue
from mmx_hero.evaluation.annotators import gather
from mmx_hero.evaluation.reading import Read, Videos
from mmx_hero.evaluation.task import Moments
from tests.plugins.mmx_hero.conftest import Episodes, TinyRun, toy_model


def a_split() -> Read:
    """Video 0: one text from three annotators and another text; video 1: the first text again."""
    rows_NR = torch.tensor(
        [
            [0.0, 3.0, 2, 7, 8],
            [1.5, 3.0, 2, 7, 8],
            [0.0, 3.0, 1, 7, 0],
            [6.0, 9.0, 2, 7, 8],
            [0.0, 3.0, 2, 7, 8],
        ]
    )
    videos = {"own": Videos(torch.zeros(2, 6, 4), torch.ones(2, 6, dtype=torch.bool))}
    vectors_NW = torch.arange(5.0)[:, None].expand(-1, 4)
    times = list(rows_NR[:, None, :2].double().numpy())
    return Read(["a", "b"], videos, {"own": vectors_NW}, rows_NR, np.array([0, 0, 0, 0, 1]), times)


def test_texts_of_one_video_become_one_query() -> None:
    found, first = gather(a_split(), 2)
    assert list(first) == [0, 2, 4]
    assert [times.tolist() for times in found.times] == [[[0, 3], [1.5, 3], [6, 9]], [[0, 3]], [[0, 3]]]
    assert found.owner_N.tolist() == [0, 0, 1]
    assert found.queries["own"][:, 0].tolist() == [0, 2, 4]
    assert found.query_rows_NR[:, 3:].tolist() == [[7, 8], [7, 0], [7, 8]]


def test_by_itself_every_text_is_a_query() -> None:
    split = a_split()
    found, first = gather(split, 1)
    assert found is split
    assert list(first) == [0, 1, 2, 3, 4]


def test_a_split_is_judged_by_all_annotators(run: TinyRun) -> None:
    """Every video of the test is asked once more, for a moment elsewhere: then nothing is right twice."""

    class Twice(Episodes):
        def split(self, name: str) -> list[object]:  # type: ignore[override]
            found = []
            for sample in super().split(name):
                (cue,) = sample.fields["queries"]
                cues = (cue, Cue(0.0, 1.5, cue.text))
                found.append(replace(sample, fields={**sample.fields, "queries": cues}))
            return found

    values = {}
    for agree in (1, 2):
        task = Moments(shortest=1, videos=5, overlap=1.0, agree=agree)
        report = task.evaluate(toy_model(), Twice(), run)
        values[agree] = {metric.name: metric for metric in report.metrics}
        assert len(report.predictions) == 24 // agree
    assert values[1]["svmr_r100_iou0.7"].value == 1.0
    assert values[2]["svmr_r100_iou0.7"].value == 0.0
    assert values[2]["svmr_r100_iou0.7"].chance == 0.0
