"""The judgement of a model that knows everything, and of one that knows nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmx.errors import DataError, PortError
from mmx.media.audio_image import write_audio
from mmx.model.model import Model
from mmx.report import write
from mmx.report.verdict import verdict
from mmx.types import Audio, Metric, Sample
from mmx_mulan.evaluation.task import Judge
from mmx_std.fusers.pooled import NoFusion
from tests.plugins.mmx_mulan.conftest import CONCEPTS, RATE, Ears, TinyRun, Toys, Words, sound, toy_model


def judge(**options: object) -> Judge:
    settings = {"facts": "facts", "window": 2.0, "windows": 2, "probe": 30, "triplets": 20, **options}
    return Judge(Toys.targets, **settings)  # type: ignore[arg-type]


def by_name(metrics: object) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}  # type: ignore[attr-defined]


def test_a_model_that_knows_everything(run: TinyRun, toys: Toys) -> None:
    found = judge().evaluate(toy_model(deaf=False), toys, run)
    metrics = by_name(found.metrics)
    auc = found.metrics[0]
    assert auc.name == "auc"
    assert auc.value == 1.0
    assert auc.untrained == 0.5
    assert abs(auc.controls["swapped_recordings"] - 0.5) < 0.2
    assert metrics["probe_auc"].value == 1.0
    assert metrics["probe_auc"].untrained == 0.5
    for way in ("title", "description"):
        assert metrics[f"map_{way}"].value == 1.0
        assert metrics[f"recall_at_10_{way}"].value == 1.0
        assert metrics[f"retrieval_auc_{way}"].value == 1.0
        assert metrics[f"map_{way}"].references["oracle_order"] == 1.0
        assert metrics[f"map_{way}"].chance == pytest.approx(1 / 6)
        assert metrics[f"retrieval_auc_{way}"].untrained == 0.5
    assert metrics["triplets_playlist"].value == 1.0
    assert metrics["triplets_playlist"].untrained == 0.5
    assert (found.used, found.expected) == (60, 60)
    assert verdict(found) == "learned"
    assert any("1 tags skipped" in note and "organ" in note for note in found.left_out)
    assert [row["id"] for row in found.predictions] == [f"test-{i}" for i in range(60)]
    assert set(found.predictions[0]["best"].split(", ")[:2]) == {"harp", "slow"}
    assert {figure.key for figure in found.figures} == {"auc_per_tag", "words_and_music", "spectrograms", "playlists"}
    for figure in found.figures:
        assert write.pixels(figure.image).std() > 5


def test_a_model_that_knows_nothing_is_at_chance_everywhere(run: TinyRun, toys: Toys) -> None:
    found = judge().evaluate(toy_model(deaf=True), toys, run)
    metrics = by_name(found.metrics)
    for name in ("auc", "probe_auc", "retrieval_auc_title", "triplets_playlist", "triplets_ontology"):
        assert metrics[name].value == 0.5
    assert metrics["recall_at_10_title"].value == pytest.approx(metrics["recall_at_10_title"].chance)
    assert verdict(found) == "not better than chance"


def test_without_facts_and_probe_only_tags_are_judged(run: TinyRun, toys: Toys) -> None:
    task = judge(facts=None, probe=0)
    found = task.evaluate(toy_model(deaf=False), toys, run)
    assert [metric.name for metric in found.metrics] == ["auc"]
    assert task.needs == ("fused.audio", "fused.text", "targets.tags")


def test_a_classifier_is_judged_by_its_logits(run: TinyRun, toys: Toys) -> None:
    class Logits(nn.Module):
        needs = ("fused.audio",)

        def forward(self, fused: dict, batch: object) -> torch.Tensor:
            pooled_BD = fused["audio"].pooled_BD
            return torch.cat([10 * pooled_BD, torch.zeros(len(pooled_BD), 1)], 1)

    model = Model(
        {"audio": Ears(False), "text": Words(False)},
        NoFusion({"audio": 5, "text": 5}),
        {"tags": Logits()},
        {"audio": "audio", "text": "text"},
    ).eval()
    run.untrained = lambda: model  # type: ignore[method-assign]
    task = judge(classifier="tags", probe=0)
    found = task.evaluate(model, toys, run)
    assert found.metrics[0].value == 1.0
    assert not [metric for metric in found.metrics if "title" in metric.name or "triplets" in metric.name]
    with pytest.raises(PortError, match="classifier"):
        task.predict(model, {"audio": sound(0, 0)})


def test_broken_recordings_are_counted(run: TinyRun, toys: Toys) -> None:
    whole = toys.split("test")
    bad = Sample("bad", {"audio": Audio(np.full((1, RATE), np.nan, np.float32), RATE)}, whole[0].targets)
    toys.split = lambda name: [bad, *whole] if name == "test" else whole  # type: ignore[method-assign]
    found = judge().evaluate(toy_model(deaf=False), toys, run)
    assert (found.used, found.expected) == (60, 61)
    assert found.metrics[0].value == 1.0  # truth and vectors stay in step


def test_nothing_to_judge_is_refused(run: TinyRun, toys: Toys) -> None:
    with pytest.raises(DataError, match="positive recordings"):
        judge(least=50).evaluate(toy_model(deaf=False), toys, run)


def test_real_recordings_are_shown_and_not_measured(run: TinyRun, toys: Toys) -> None:
    class Real:
        fields, targets, card, digest = {"audio": "audio"}, {}, Toys.card, "real"

        def split(self, name: str) -> list[Sample]:
            assert name == "all"
            return [Sample(f"music/{i}.ogg", {"audio": sound(i, 0, 40.0), "caption": f"piece {i}"}) for i in range(3)]

    plain = judge().evaluate(toy_model(deaf=False), toys, run)
    found = judge(recordings=Real()).evaluate(toy_model(deaf=False), toys, run)
    real = [clip for clip in found.clips if clip.key.startswith("real_")]
    assert [metric.value for metric in found.metrics] == [metric.value for metric in plain.metrics]
    assert len(real) == 3
    assert "REAL RECORDING: piece 1" in real[1].caption
    assert {"fiddle", "slow"} <= set(real[1].caption.split("tagged: ")[1].split(", ")[:2])
    assert real[0].media.seconds == 30
    assert any("3 in all" in note and "No metric uses them" in note for note in found.notes)


def test_predict_ranks_texts_and_by_default_the_tags() -> None:
    model, task = toy_model(deaf=False), judge()
    told = task.predict(model, {"audio": sound(1, 0, 65.0), "texts": ["a fast flute", "a slow violin", "violin"]})
    assert [row["text"] for row in told.rows] == ["a slow violin", "violin", "a fast flute"]
    assert [row["rank"] for row in told.rows] == [1, 2, 3]
    plain = task.predict(model, {"audio": sound(2, 1)})
    assert {row["text"] for row in plain.rows[:2]} == {"flute", "fast"}
    assert len(plain.rows) == len(CONCEPTS) + 1
    assert any("music only" in note for note in plain.notes)


def test_predict_finds_music_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for name, instrument, tempo in (("a.wav", 0, 0), ("b.wav", 1, 0), ("c.wav", 1, 1)):
        write_audio(folder / name, sound(instrument, tempo))
    (folder / "broken.ogg").write_bytes(b"no")
    model, task = toy_model(deaf=False), judge()
    told = task.predict(model, {"query": "slow fiddle waltz", "folder": str(folder)})
    assert told.rows[0]["file"] == "b.wav"
    assert [row["score"] for row in told.rows] == pytest.approx([1.0, 0.5, 0.5], abs=1e-4)  # one of two facts is right
    assert (told.searched, told.unread) == (4, ["broken.ogg"])
    assert any("broken.ogg" in note for note in told.notes)
    again = task.predict(model, {"query": "harp", "folder": str(folder)})
    assert again.rows[0]["file"] == "a.wav"
    assert "3 of them from the index" in again.notes[0]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ({"audio": Audio(np.zeros((1, 4000), np.float32), RATE)}, "silent"),
        ({"audio": sound(0, 0), "texts": ["harp", "  "]}, "empty text"),
        ({"query": " ", "folder": "."}, "empty text"),
        ({"query": "harp", "folder": "nowhere at all"}, "no such folder"),
        ({}, "give a recording"),
    ],
)
def test_predict_refuses_bad_input(raw: dict, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        judge().predict(toy_model(deaf=False), raw)


def test_paths_become_what_predict_takes(tmp_path: Path) -> None:
    model, task = toy_model(deaf=False), judge()
    song = write_audio(tmp_path / "song.flac", sound(1, 1, 7.0))
    told = task.predict(model, task.read(model, song, {"texts": "a fast fiddle; a slow harp"}))
    assert [row["text"] for row in told.rows] == ["a fast fiddle", "a slow harp"]
    assert len(task.predict(model, task.read(model, song, {})).rows) == 6
    for name in ("query", "text"):
        found = task.predict(model, task.read(model, tmp_path, {name: Path("quick violin")}))
        assert [row["file"] for row in found.rows] == ["song.flac"]
    with pytest.raises(DataError, match="give a query for it"):
        task.read(model, tmp_path, {})
    with pytest.raises(DataError, match="did you mean 'query'"):
        task.read(model, tmp_path, {"querry": "harp"})
    with pytest.raises(DataError, match="nowhere"):
        task.read(model, tmp_path / "nowhere.mp3", {})
    with pytest.raises(DataError, match="to search recordings for a text: --query 'slow harp' --in FOLDER"):
        task.read(model, Path("slow harp"), {})


def test_a_remark_is_the_first_note(run: TinyRun, toys: Toys) -> None:
    told, plain = (
        Judge(toys.targets, window=2.0, windows=1, probe=0, remark=remark)
        .evaluate(toy_model(deaf=True), toys, run)
        .notes
        for remark in ("Read this.", "")
    )
    assert told[0] == "Read this."
    assert list(plain) == list(told[1:])


def test_what_the_data_lacks_is_told_before_training(toys: Toys) -> None:
    model = toy_model(deaf=False)
    assert judge().check(model, toys, "test") == []
    (told,) = judge(least=1000).check(model, toys, "test")
    assert "no tag has 1000 positive" in told and "set task.least lower" in told


def test_other_data_is_judged_without_a_train_split(run: TinyRun, toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = toys.split

    def held_out(name: str) -> object:
        if name == "train":
            raise DataError("no train")
        return whole(name)

    monkeypatch.setattr(toys, "split", held_out)
    found = judge().evaluate(toy_model(deaf=False), toys, run)
    assert found.metrics[0].value == 1.0
    assert "probe_auc" not in by_name(found.metrics)
