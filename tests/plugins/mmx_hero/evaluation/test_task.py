"""The main test: metrics against loops, chance by simulation, the ceiling by counting, and a report that is whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Corpus, Task
from mmx.model.model import Model
from mmx.types import Report
from mmx_hero.evaluation import bayes, simple
from mmx_hero.evaluation.reading import ABLATIONS, CHANGES, read
from mmx_hero.evaluation.task import KS, PRIMARY, Moments, localiser_of
from mmx_std.ops.spans import THRESHOLDS, first_hit, search
from tests.plugins.mmx_hero.conftest import Episodes, TinyRun, toy_model


@pytest.fixture
def model() -> Model:
    return toy_model()


@pytest.fixture
def task() -> Moments:
    return Moments(events="events", shortest=1, videos=5)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The videos judged once, for all tests that read the same report."""
    task = Moments(events="events", shortest=1, videos=5)
    return task.evaluate(toy_model(), Episodes(), TinyRun(tmp_path_factory.mktemp("run")))


def test_a_report_is_whole(task: Moments, report: Report) -> None:
    assert isinstance(task, Task)
    videos = Episodes()
    assert isinstance(videos, Corpus)
    assert report.metrics[0].name == PRIMARY
    assert len(report.metrics) == len(KS) * (1 + 2 * len(THRESHOLDS))
    assert (report.used, report.expected) == (12, 12)
    by_name = {metric.name: metric for metric in report.metrics}
    for metric in report.metrics:
        assert metric.chance is not None
        assert 0 <= metric.value <= 1
        assert metric.untrained == pytest.approx(metric.value), "the untrained model of this test has the same weights"
        assert metric.unit == "videos"
        assert metric.units == 12
        assert {"chance", "untrained"} <= set(metric.gaps)
    assert set(by_name["vcmr_r1_iou0.7"].controls) == set(CHANGES) - set(ABLATIONS)
    assert set(ABLATIONS) <= set(by_name["vcmr_r1_iou0.7"].references)
    words = {"words_in_subtitles", "words_in_subtitles_moved", bayes.NAME}
    assert set(by_name["vcmr_r1_iou0.7"].baselines) == words
    assert {"most_frequent_moment", "middle"} <= set(by_name["svmr_r1_iou0.5"].baselines)
    assert by_name["svmr_r1_iou0.7"].baselines["most_frequent_moment"] == 1.0, (
        "every moment of these videos is the same"
    )
    assert by_name["vr_r100"].value == 1.0
    assert by_name["vr_r1"].chance == pytest.approx(1 / 12)
    row = report.predictions[0]
    assert row["query"] == "anna takes thing0"
    assert (row["start"], row["end"]) == (3.0, 7.5)
    assert any("12 queries retrieve moments from 12 videos" in note for note in report.notes)
    assert not report.left_out


def test_metrics_are_what_loops_say(model: Model, task: Moments, run: TinyRun, report: Report) -> None:
    videos = Episodes().split("test")
    found = read(model, model, videos, task.names, run, {})
    head = localiser_of(model, "localiser")
    values = {metric.name: metric.value for metric in report.metrics}
    clips, mask = found.videos["own"].clips_MTW, found.videos["own"].mask_MT
    hits: dict[str, list[float]] = {name: [] for name in ("vr", "svmr", "vcmr")}
    for n in range(12):
        query = found.queries["own"][n]
        cosine = torch.tensor(
            [max(float(torch.cosine_similarity(query, clips[m, t], dim=0)) for t in range(8)) for m in range(12)]
        )
        with torch.no_grad():
            start, end = head.across(query[None], clips, mask)
        hits["vr"].append(1.0 + sum(float(c) > float(cosine[n]) + 1e-6 for c in cosine))
        every = search(cosine, start[0], end[0], mask.sum(1) * 1.5, task.rules)
        hits["vcmr"].append(first_hit(every, n, np.array([[3.0, 7.5]]), 0.7))
        own = search(cosine[n : n + 1], start[0, n : n + 1], end[0, n : n + 1], torch.tensor([12.0]), task.rules)
        hits["svmr"].append(first_hit(own, 0, np.array([[3.0, 7.5]]), 0.7))
    for k in KS:
        assert values[f"vr_r{k}"] == pytest.approx(np.mean(np.array(hits["vr"]) <= k))
        assert values[f"svmr_r{k}_iou0.7"] == pytest.approx(np.mean(np.array(hits["svmr"]) <= k))
        assert values[f"vcmr_r{k}_iou0.7"] == pytest.approx(np.mean(np.array(hits["vcmr"]) <= k))


def test_the_ceiling_counts_what_fits_equally_well(model: Model, task: Moments, run: TinyRun, report: Report) -> None:
    """Twelve videos, three names by four things: every pair once; so add a video with the same pair as the first."""

    class More(Episodes):
        def split(self, name: str) -> list[Any]:
            videos = super().split(name)
            return [*videos, type(videos[0])(f"{name}-again", videos[0].fields, videos[0].targets)]

    alone = {metric.name: metric for metric in report.metrics}
    doubled = {m.name: m for m in task.evaluate(model, More(), run).metrics}
    assert alone["vr_r1"].references["ceiling"] == 1.0
    assert doubled["vr_r1"].references["ceiling"] == pytest.approx((11 + 2 * 0.5) / 13)
    assert doubled["vcmr_r5_iou0.7"].references["ceiling"] == 1.0
    assert "ceiling" not in doubled["svmr_r1_iou0.7"].references
    assert not Moments().needs[-1].startswith("targets."), "without events there is no ceiling"


def test_chance_is_what_guessing_gets(report: Report) -> None:
    metrics = {metric.name: metric for metric in report.metrics}
    rng = np.random.default_rng(0)
    spans = [(a, b) for a in range(8) for b in range(a, 8)]
    right = 0
    for _ in range(20_000):
        video, (a, b) = rng.integers(12), spans[rng.integers(len(spans))]
        inside = max(0, min(b + 1, 5) - max(a, 2))
        right += video == 0 and inside / (max(b + 1, 5) - min(a, 2)) >= 0.5
    assert metrics["vcmr_r1_iou0.5"].chance == pytest.approx(right / 20_000, abs=0.003)


def test_queries_beyond_those_that_are_read_are_counted(model: Model, task: Moments, run: TinyRun) -> None:
    class Many(Episodes):
        def split(self, name: str) -> list[Any]:
            first, *others = super().split(name)
            fields = {**first.fields, "queries": first.fields["queries"] * 5}
            return [type(first)(first.id, fields, first.targets), *others]

    (told,) = task.evaluate(model, Many(), run).left_out
    assert told.startswith("13 of 16 queries are judged: encoders.queries.lines=2 leaves out")
    assert "the longest list has 5" in told


def test_a_blind_or_deaf_model_is_told_in_the_notes(task: Moments, run: TinyRun) -> None:
    model = toy_model(uses="video")
    notes = task.evaluate(model, Episodes(), run).notes
    assert any("This model is a control: uses=video" in note for note in notes)


def test_simple_methods_learn_from_split_train_alone(
    model: Model, task: Moments, run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(simple, "match", lambda train, texts, judged: seen.append((train, judged)) or {})
    monkeypatch.setattr(bayes, "match", lambda train, texts, judged, *rest: seen.append((train, judged)) or {})
    monkeypatch.setattr(simple, "ranks", lambda *given: {})
    every = Episodes().split("test")
    learnt, known = [every[place] for place in range(4)], [every[place] for place in range(4, 12)]
    corpus = SimpleNamespace(split={"train": learnt, "test": known}.__getitem__)
    found = SimpleNamespace(owner_N=[], times=[])
    task._simple(corpus, found, known, [], model, run)  # type: ignore[arg-type]
    (words, frames) = seen
    field = model.fields["subtitles"]
    assert [spoken for spoken, _ in words[0]] == [sample.fields[field] for sample in learnt]
    assert words[1] == [sample.fields[field] for sample in known]
    told = [each for each in learnt if each.fields[field] and each.fields["queries"]]
    assert [each.subtitles for each in frames[0]] == [sample.fields[field] for sample in told] and told
    assert [each.subtitles for each in frames[1]] == [sample.fields[field] for sample in known]
    assert not any(each.queries for each in frames[1]), "queries of judged videos teach nothing"
    assert all(len(each.frames_TD) for part in frames for each in part)


def test_what_cannot_be_answered(model: Model, task: Moments, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"")
    with pytest.raises(DataError, match=r"mmx predict RUN --query"):
        task.read(model, tmp_path / "video.mp4", {})
    with pytest.raises(DataError, match=r"mmx predict RUN --query"):
        task.read(model, tmp_path, {})
    assert task.read(model, tmp_path, {"query": Path("a cat")}) == {"query": "a cat", "folder": tmp_path}
    with pytest.raises(DataError, match="no such folder"):
        task.read(model, tmp_path / "none", {"query": Path("a cat")})
    with pytest.raises(DataError, match="empty text"):
        task.predict(model, {"query": " ", "folder": tmp_path})
    with pytest.raises(DataError, match="not a hero/localiser"):
        localiser_of(model, "order")
