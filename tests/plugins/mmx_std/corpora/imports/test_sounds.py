from __future__ import annotations

from pathlib import Path

from tests.plugins.mmx_std.corpora.imports.trees import rows_of


def test_esc50_judges_on_fold_five_and_keeps_recordings_together(tmp_path: Path) -> None:
    rows = rows_of("esc50", tmp_path)
    assert rows["1-100032-A-0.wav"] == {
        **{"id": "1-100032-A-0.wav", "audio": "audio/1-100032-A-0.wav", "label": "dog", "group": "100032"},
        **{"label_fold": "1", "split": "train"},
    }
    assert {name: (row["label_fold"], row["split"], row["label"]) for name, row in rows.items()} == {
        "1-100032-A-0.wav": ("1", "train", "dog"),
        "5-200000-A-1.wav": ("5", "test", "rooster"),
    }


def test_speech_commands_takes_its_lists_and_its_speakers(tmp_path: Path) -> None:
    rows = rows_of("speech-commands", tmp_path)
    told = {name: (row["label"], row["split"], row["group"]) for name, row in rows.items()}
    assert told == {
        "yes/a1_nohash_0.wav": ("yes", "test", "a1"),
        "no/a1_nohash_0.wav": ("no", "train", "a1"),
        "no/b2_nohash_1.wav": ("no", "val", "b2"),
    }


def test_audiocaps_finds_files_by_either_name(tmp_path: Path) -> None:
    rows = rows_of("audiocaps", tmp_path)
    assert rows["91139"]["audio"] == "audio/r1nicOVtvkQ_130.wav"
    assert rows["91139"]["caption"] == "A woman talks, then water runs"
    assert [(rows[name]["split"], rows[name]["group"]) for name in ("97151", "97152")] == [("val", "vfY_TJq7n_U")] * 2


def test_magnatagatune_is_divided_by_its_folders(tmp_path: Path) -> None:
    rows = rows_of("magnatagatune", tmp_path)
    assert {name: (row["split"], row["labels"]) for name, row in rows.items()} == {
        "2": ("test", ["no voice", "guitar"]),
        "3": ("val", ["guitar"]),
        "4": ("train", []),
    }
    assert rows["2"]["group"] == "bach-track-01-aria"
