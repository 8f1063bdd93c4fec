from __future__ import annotations

from pathlib import Path

from tests.plugins.mmx_std.corpora.imports.trees import rows_of


def test_vggsound_as_clips_and_as_whole_videos(tmp_path: Path) -> None:
    rows = rows_of("vggsound", tmp_path)
    clip, whole = rows["a_b_000030"], rows["---g-f_I2yQ_000001"]
    assert clip == {
        **{"id": "a_b_000030", "video": "video/a_b_000030.mp4", "label": "dog, barking"},
        **{"group": "a_b", "split": "train"},
    }
    assert (whole["start"], whole["end"], whole["split"]) == (1.0, 11.0, "test")


def test_avspeech_keeps_times_of_whole_videos_and_the_place_of_the_face(tmp_path: Path) -> None:
    rows = rows_of("avspeech", tmp_path)
    whole, clip = rows["0OEpGrXkxZo_0.5"], rows["x_y_90.0"]
    assert (whole["start"], whole["end"], whole["face_x"], whole["face_y"]) == (0.5, 1.5, 0.5, 0.25)
    assert "start" not in clip
    assert (whole["split"], clip["split"]) == ("train", "test")
