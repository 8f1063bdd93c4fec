"""The transfer task on a tiny world whose truth is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from matplotlib.figure import Figure as Canvas

from mmx.errors import PortError
from mmx.model.model import Model
from mmx.report.verdict import verdict
from mmx.types import Report
from mmx_soundnet.evaluation import task as judge
from mmx_soundnet.evaluation.task import Transfer
from mmx_soundnet.model.two_heads import TwoHeads
from mmx_soundnet.objective import DistillKl
from mmx_std.encoders.audio import Ast
from mmx_std.encoders.frontends import Mel
from tests.plugins.mmx_soundnet.conftest import RATE, tiny_model

CLASSES = {"object": ("low", "middle", "high"), "scene": ("left", "right"), "label": ("low", "middle", "high")}


def task(**options: Any) -> Transfer:
    options = {"layer": "conv7", "folds": 3, "repeats": 2, "clips": 24, "reference": False} | options
    return Transfer(CLASSES, **options)


def train(model: Model, corpus: Any, steps: int = 150) -> None:
    """Distil the colours into the tones."""
    objective = DistillKl()
    model.train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    batch = model.prepare(corpus.split("train"))
    for _ in range(steps):
        optimizer.zero_grad()
        objective(model(batch, objective.needs), batch)["loss"].backward()
        optimizer.step()


@pytest.fixture
def report(model: Model, run: Any, corpus: Any) -> Report:
    train(model, corpus)
    return task().evaluate(model, corpus, run)


def test_a_student_that_learned_beats_its_baselines_and_controls(report: Report) -> None:
    accuracy, kl, clip_accuracy = report.metrics
    assert (accuracy.name, kl.name, clip_accuracy.name) == ("accuracy", "kl", "clip_accuracy")
    assert accuracy.value > 0.9
    assert accuracy.chance == pytest.approx(1 / 3)
    assert set(accuracy.controls) == {"majority"}
    assert set(accuracy.references) == {"as_saved", "as_initialised", "random_best_layer"}
    assert {"mfcc", "nearest_neighbours_scalars", "logistic_regression_spectrum"} <= set(accuracy.baselines)
    assert accuracy.references["random_best_layer"] >= accuracy.untrained
    assert report.margin == 0
    assert (accuracy.units, accuracy.unit) == (12, "recordings"), "two files of each"
    assert {"chance", "untrained", "control majority", "baseline mfcc"} <= set(accuracy.gaps)
    assert accuracy.ci95[0] <= accuracy.value <= accuracy.ci95[1]
    assert kl.better == "lower"
    assert kl.untrained is None, "the constant is a baseline, not the network before training"
    assert kl.value < kl.baselines["constant"] <= kl.chance + 1e-9
    assert kl.value < kl.controls["swapped_audio"]
    assert clip_accuracy.value > 0.9
    assert clip_accuracy.references["vision"] == 1.0
    assert clip_accuracy.references["sound_and_vision"] >= clip_accuracy.value


def test_the_report_holds_rows_figures_players_and_notes(report: Report) -> None:
    assert (report.used, report.expected) == (24, 24)
    assert len(report.predictions) == 24
    assert len({row["unit"] for row in report.predictions}) == 12
    assert [figure.key for figure in report.figures] == ["confusion", "features", "spectrograms", "layers", "filters"]
    assert all(isinstance(figure.image, Canvas) for figure in report.figures)
    assert len(report.clips) == 6
    assert any("nats from the teacher of objects" in note for note in report.notes)
    assert any("C = 0.01" in note and "standard deviation" in note for note in report.notes)


def test_an_untrained_student_equals_the_untrained_network(
    model: Model, run: Any, corpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "source", lambda sample: "even" if int(sample.id[-1]) % 2 == 0 else "odd")
    report = task(sweep=(), clip_target="").evaluate(model, corpus, run)
    accuracy, kl = report.metrics
    assert accuracy.references["as_saved"] == accuracy.references["as_initialised"]
    assert accuracy.value == accuracy.untrained
    assert sum(accuracy.gaps["untrained"]) == pytest.approx(0)
    assert (kl.units, kl.unit) == (2, "recordings"), "clips of one recording are one unit"
    assert kl.value == pytest.approx(kl.chance, rel=0.2)
    assert kl.value >= kl.baselines["constant"]
    assert "layers" not in [figure.key for figure in report.figures]


def test_a_draw_of_batch_statistics_is_no_training(model: Model, run: Any, corpus: Any) -> None:
    """Forward passes move the statistics and no weight: as saved it is another network, and yet nothing was learned."""
    model.train()
    for batch in (model.prepare(corpus.split("train")[begin : begin + 6]) for begin in (0, 6, 12)):
        model(batch, ["encoded.audio"])
    norms = [part for part in model.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    drawn = [norm.running_mean.clone() for norm in norms]
    report = task(sweep=(), student="").evaluate(model, corpus, run)
    assert report.metrics[0].value == report.metrics[0].untrained
    assert sum(report.metrics[0].gaps["untrained"]) == pytest.approx(0)
    assert verdict(report) in ("not better than untrained", "not better than chance")
    assert all(torch.equal(norm.running_mean, was) for norm, was in zip(norms, drawn, strict=True)), "left as it was"
    assert all(norm.momentum is not None for norm in norms)


def test_a_student_of_another_plugin_is_judged_without_filters(run: Any, corpus: Any) -> None:
    def made() -> Model:
        options: Any = {"width": 8, "depth": 1, "heads": 2, "distillation": False, "pooling": "mean"}
        return tiny_model(0, Ast(Mel(RATE, 1.0, bands=16, window=64), bands=16, frames=101, **options))

    run._untrained = made
    report = task(layer="tokens", sweep=()).evaluate(made(), corpus, run)
    assert [metric.name for metric in report.metrics] == ["accuracy", "kl", "clip_accuracy"]
    assert "filters" not in [figure.key for figure in report.figures]


def test_sounds_that_cannot_be_read_are_counted(model: Model, run: Any, corpus: Any) -> None:
    samples = corpus.split("all")
    object.__setattr__(samples[4], "id", "all-4-broken")
    original = corpus.split
    corpus.split = lambda name: samples if name == "all" else original(name)
    report = task(sweep=(), student="").evaluate(model, corpus, run)
    assert (report.used, report.expected) == (23, 24)
    assert len(report.predictions) == 23
    assert len(report.metrics) == 1


def test_the_same_run_gives_the_same_report(model: Model, run: Any, corpus: Any) -> None:
    first, second = (task(sweep=()).evaluate(model, corpus, run) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.predictions == second.predictions


@pytest.mark.parametrize(
    "options", [{"pooling": "windows"}, {"protocol": "official"}, {"protocol": "splits"}, {"regularisation": "chosen"}]
)
def test_protocols(model: Model, run: Any, corpus: Any, options: dict) -> None:
    report = task(sweep=(), student="", **options).evaluate(model, corpus, run)
    assert 0 <= report.metrics[0].value <= 1
    assert len(report.predictions) == 24


def test_the_authors_weights_are_a_reference_where_they_are(
    model: Model, run: Any, corpus: Any, monkeypatch: Any
) -> None:
    from mmx.errors import AssetError

    def missing(asset: Any) -> None:
        raise AssetError("mmx fetch")

    monkeypatch.setattr("mmx.locate_asset", missing)
    report = task(sweep=(), student="", reference=True).evaluate(model, corpus, run)
    assert "sound8" not in report.metrics[0].references
    assert any("mmx fetch soundnet/sound8" in note for note in report.notes)


def test_ports(model: Model) -> None:
    assert task().needs == ("encoded.audio", "heads.labels", "encoded.objects", "encoded.scenes")
    assert task(student="").needs == ("encoded.audio",)
    assert task(teachers="objects", encoder="other").needs == ("encoded.other", "heads.labels", "encoded.objects")


def test_prediction_names_what_the_student_would_expect(model: Model, corpus: Any) -> None:
    train(model, corpus)
    sample = corpus.split("test")[1]
    prediction = task().predict(model, {"audio": sample.fields["audio"]})
    assert len(prediction.rows) == 3
    assert prediction.rows[0]["object"] == "class 1"
    assert prediction.rows[0]["scene"] in CLASSES["scene"]
    assert sum(row["object_probability"] for row in prediction.rows) == pytest.approx(1)
    with pytest.raises(PortError, match="student"):
        task(student="").predict(model, {"audio": sample.fields["audio"]})


def test_a_thousand_objects_have_the_names_of_imagenet(model: Model, corpus: Any) -> None:
    dims = {name: encoder.out_dim for name, encoder in model.encoders.items()}
    model.heads["labels"] = head = TwoHeads(dims, objects=1000, scenes=2, kernel=2, stride=1)
    with torch.no_grad():
        next(p for p in head.parameters() if p.shape == (1000,))[207] = 100.0
    rows = task().predict(model, {"audio": corpus.split("test")[0].fields["audio"]}).rows
    assert len(rows) == 5
    assert rows[0]["object"] == "golden retriever"


@pytest.mark.parametrize(("kept", "dropped"), [("objects", "scenes"), ("scenes", "objects")])
def test_a_student_of_one_teacher_says_what_it_knows(model: Model, corpus: Any, kept: str, dropped: str) -> None:
    del model.heads["labels"].convs[dropped]
    prediction = task(teachers=kept).predict(model, {"audio": corpus.split("all")[0].fields["audio"]})
    assert {key.removesuffix("_probability") for row in prediction.rows for key in row} == {"rank", kept[:-1]}
