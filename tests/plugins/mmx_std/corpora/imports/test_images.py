from __future__ import annotations

from pathlib import Path

from tests.plugins.mmx_std.corpora.imports.trees import rows_of


def test_coco_has_several_captions_of_an_image(tmp_path: Path) -> None:
    rows = rows_of("coco-captions", tmp_path)
    assert rows["91"] == {
        **{"id": "91", "image": "train2017/000000000009.jpg", "caption": "a thing 1", "group": "9", "split": "train"}
    }
    assert {row["split"] for row in rows.values() if row["group"] == "42"} == {"val"}


def test_flickr8k_uses_the_images_of_its_lists_only(tmp_path: Path) -> None:
    rows = rows_of("flickr8k", tmp_path)
    assert {row["group"]: row["split"] for row in rows.values()} == {
        **{"1000_a": "train", "1001_b": "val", "1002_c": "test"},
    }
    assert rows["1002_c.jpg#1"]["caption"] == "A dog 1 ."


def test_flickr30k_by_its_own_lists_or_by_karpathys(tmp_path: Path) -> None:
    own = rows_of("flickr30k", tmp_path / "own")
    karpathy = rows_of("karpathy", tmp_path / "karpathy")
    assert [row["split"] for row in own.values()] == [row["split"] for row in karpathy.values()]
    assert karpathy["0"]["image"] == "images/0.jpg"


def test_vqa_keeps_ten_answers_and_the_usual_ones_as_classes(tmp_path: Path) -> None:
    rows = rows_of("vqa2", tmp_path)
    assert rows["90"]["answers"].split("\n")[-3:] == ["no", "Yes.", "probably"]
    assert len(rows["90"]["answers"].split("\n")) == 10
    assert {name: row.get("label") for name, row in rows.items()} == {"90": "yes", "91": "no", "420": None, "70": None}
    assert rows["90"]["image"] == "train2014/COCO_train2014_000000000009.jpg" == rows["91"]["image"]
    assert [rows[name]["split"] for name in ("91", "420", "70")] == ["train", "test", "unanswered"]
    assert "answers" not in rows["70"]
