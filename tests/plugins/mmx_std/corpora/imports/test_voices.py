from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx_std.corpora.imports.reading import SourceFolder
from mmx_std.corpora.imports.voices import LAYOUTS
from mmx_std.corpora.imports.writing import import_layout
from tests.plugins.mmx_std.corpora.imports.trees import rows_of, text, voxceleb1, voxceleb2


def test_voxceleb_by_the_identification_list_or_else_by_person(tmp_path: Path) -> None:
    rows = rows_of("voxceleb1", tmp_path / "list")
    assert {name: (row["split"], row["label_gender"]) for name, row in rows.items()} == {
        "id10001/1zcIwhmdeo4/00001.wav": ("train", "m"),
        "id10270/5r0dWxy17C8/00001.wav": ("test", "f"),
    }
    other = tmp_path / "set"
    voxceleb1(other)
    (other / "iden_split.txt").unlink()
    done = import_layout("voxceleb1", other, other / "out.jsonl")
    assert (done.used, done.splits) == (2, {"train": 1, "test": 1})
    text(other / "iden_split.txt", "1 id99999/a/00001.wav")
    with pytest.raises(DataError, match=r"id99999 is not in vox1_meta\.csv"):
        import_layout("voxceleb1", other, other / "again.jsonl")


def test_voxceleb2_pads_its_list_and_has_audio_and_video_apart(tmp_path: Path) -> None:
    voxceleb2(tmp_path)
    video = tmp_path / "dev" / "mp4" / "id00012" / "21Uxsk56VDQ" / "00001.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"")
    rows = list(LAYOUTS["voxceleb2"].rows(SourceFolder(tmp_path)))
    assert [(row["id"], row["split"], row["label_gender"]) for row in rows] == [
        ("id00012/21Uxsk56VDQ/00001", "train", "m"),
        ("id00017/01dfn2spqyE/00001", "test", "f"),
    ]
    assert (rows[0]["video"], rows[0]["group"]) == (video, "id00012/21Uxsk56VDQ")


def test_cremad_tells_emotion_and_sentence_by_the_name(tmp_path: Path) -> None:
    rows = rows_of("crema-d", tmp_path)
    assert rows["1001_DFA_ANG_XX"] == {
        **{"id": "1001_DFA_ANG_XX", "audio": "AudioWAV/1001_DFA_ANG_XX.wav", "text": "Don't forget a jacket."},
        **{"label": "anger", "label_level": "XX", "label_gender": "male", "group": "1001"},
    }
    assert (rows["1002_IEO_SAD_LO"]["label"], "label_gender" in rows["1002_IEO_SAD_LO"]) == ("sad", False)


def test_ravdess_tells_everything_by_the_name(tmp_path: Path) -> None:
    rows = rows_of("ravdess", tmp_path)
    assert rows["01-02-03-02-01-01-12"] == {
        **{"id": "01-02-03-02-01-01-12", "video": "Actor_12/01-02-03-02-01-01-12.mp4"},
        **{"text": "Kids are talking by the door", "label": "happy", "label_channel": "song"},
        **{"label_intensity": "strong", "label_gender": "female", "group": "actor-12"},
    }
    assert rows["03-01-06-01-02-01-01"]["label"] == "fearful"
