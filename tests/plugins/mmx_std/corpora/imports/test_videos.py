from __future__ import annotations

from pathlib import Path

from tests.plugins.mmx_std.corpora.imports.trees import rows_of


def test_msrvtt_takes_the_split_of_each_video(tmp_path: Path) -> None:
    rows = rows_of("msrvtt", tmp_path)
    assert {row["video"]: row["split"] for row in rows.values()} == {
        "TrainValVideo/video0.mp4": "train",
        "TestVideo/video7010.mp4": "test",
    }
    assert rows["video0-0"]["label_category"] == "9"


def test_youcook2_has_a_row_per_step(tmp_path: Path) -> None:
    rows = rows_of("youcook2", tmp_path)
    assert [(row["start"], row["end"], row["caption"]) for row in rows.values()] == [(0, 1, "cut 0"), (1, 2, "cut 1")]
    assert {(row["group"], row["split"], row["label_recipe"]) for row in rows.values()} == {
        ("GLd3aX16zBg", "train", "113")
    }


def test_tvr_has_a_row_per_clip_with_its_queries(tmp_path: Path) -> None:
    rows = rows_of("tvr", tmp_path)
    assert rows["friends_s01"]["queries"] == [
        {"start": 3.0, "end": 9.5, "text": "Rachel sits."},
        {"start": 1, "end": 2, "text": "Rachel sits."},
    ]
    assert rows["friends_s01"]["video"] == "videos/friends_s01.mp4"
    assert rows["house_s02"].keys() == {"id", "group", "subtitles", "queries", "split"}
    assert rows["house_s02"]["split"] == "val"
    assert rows.keys() == {"friends_s01", "house_s02"}  # the public test queries name no clip


def test_tvqa_has_five_answers_and_the_right_one_where_it_is_told(tmp_path: Path) -> None:
    rows = rows_of("tvqa", tmp_path)
    assert (rows["0"]["label"], rows["0"]["moment_start"], rows["0"]["moment_end"]) == ("3", 1.2, 7.5)
    assert "moment_start" not in rows["1"]
    assert "label" not in rows["2"]
    assert [rows["2"][f"answer_{n}"] for n in (0, 4)] == ["answer 0", "answer 4"]
    assert [rows[name]["split"] for name in "012"] == ["train", "val", "test"]
