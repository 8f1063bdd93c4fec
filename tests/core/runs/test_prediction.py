"""A run folder becomes a model again, a file becomes raw values, an answer becomes files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mmx.config.catalog import Catalog
from mmx.errors import DataError
from mmx.media.audio_image import write_audio, write_image, write_video
from mmx.runs import prediction
from mmx.training.checkpoint import save
from mmx.types import Audio, Clip, Cue, Prediction, Video


@dataclass
class Encoders:
    """As much of a model as inputs need: which fields its encoders read."""

    fields: Mapping[str, str]
    encoders: Mapping[str, Any]


class Shapes:
    """An encoder whose files have a form of their own."""

    def read_file(self, path: Path) -> str:
        return f"shapes of {path}"


@dataclass
class Corpus:
    fields: Mapping[str, str]


class Task:
    def predict(self, model: Any, raw: Mapping[str, Any]) -> Prediction:
        return Prediction([{"fields": sorted(raw)}])


@dataclass
class Built:
    """As much of `build.Built` as a prediction needs."""

    fields: Mapping[str, str]
    task: Any = field(default_factory=Task)

    @property
    def model(self) -> Encoders:
        parts = {"shapes": Shapes()}
        encoders = {f"encoder_of_{name}": parts.get(kind) for name, kind in self.fields.items()}
        return Encoders({f"encoder_of_{name}": name for name in self.fields}, encoders)

    @property
    def corpus(self) -> Corpus:
        return Corpus({**self.fields, "unread": "audio"})


EVERYTHING = Built({"sound": "audio", "photo": "image", "clip": "video", "words": "text"})


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    audio = Audio(np.linspace(-0.5, 0.5, 8000, dtype=np.float32)[None], 8000)
    frames = np.full((10, 16, 16, 3), 90, np.uint8)
    (tmp_path / "a.txt").write_text("a dog barks")
    return {
        "audio": write_audio(tmp_path / "a.wav", audio),
        "image": write_image(tmp_path / "a.png", frames[0]),
        "video": write_video(tmp_path / "a.mp4", Video(frames, 10.0), audio),
        "text": tmp_path / "a.txt",
    }


def test_files_fill_the_fields_of_their_modality(files: dict[str, Path]) -> None:
    assert set(prediction.inputs(EVERYTHING, files["audio"], {})) == {"sound"}
    assert set(prediction.inputs(EVERYTHING, files["image"], {})) == {"photo"}
    clip = prediction.inputs(EVERYTHING, files["video"], {})
    assert set(clip) == {"clip", "sound"}
    assert clip["clip"].frames_THWC.shape[0] == 10
    assert abs(clip["sound"].seconds - 1.0) < 0.1
    assert prediction.inputs(EVERYTHING, files["text"], {}) == {"words": "a dog barks"}


def test_a_video_brings_the_subtitles_beside_it(files: dict[str, Path]) -> None:
    timed = Built({"clip": "video", "subtitles": "cues"})
    assert set(prediction.inputs(timed, files["video"], {})) == {"clip"}
    written = files["video"].with_suffix(".srt")
    written.write_text("00:00:00,500 --> 00:00:00,900\nhello\n")
    spoken = (Cue(0.5, 0.9, "hello"),)
    assert prediction.inputs(timed, files["video"], {})["subtitles"] == spoken
    assert prediction.inputs(timed, written, {}) == {"subtitles": spoken}
    other = files["text"].with_suffix(".vtt")
    other.write_text("WEBVTT\n")
    assert prediction.inputs(timed, files["video"], {"subtitles": str(other)})["subtitles"] == ()
    with pytest.raises(DataError, match="subtitles, but the model reads sound"):
        prediction.inputs(Built({"sound": "audio"}), written, {})


def test_what_is_no_file_is_text(tmp_path: Path) -> None:
    assert prediction.inputs(EVERYTHING, Path("a cat sleeps"), {}) == {"words": "a cat sleeps"}
    odd = tmp_path / "odd.xyz"
    odd.write_text("?")
    with pytest.raises(DataError, match=r"odd.xyz: cannot tell from the suffix"):
        prediction.inputs(EVERYTHING, odd, {})


def test_a_file_that_nobody_reads(files: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"a.png: an image, but the model reads sound \(audio\)"):
        prediction.inputs(Built({"sound": "audio"}), files["image"], {})
    with pytest.raises(DataError, match="is a folder; give files of it"):
        prediction.inputs(Built({"sound": "audio"}), files["image"].parent, {})
    with pytest.raises(DataError, match=r"missing\.wav"):
        prediction.inputs(EVERYTHING, Path("missing.wav"), {})


def test_extras_fill_fields_by_name(files: dict[str, Path]) -> None:
    raw = prediction.inputs(EVERYTHING, files["video"], {"words": "hello", "sound": str(files["audio"])})
    assert raw["words"] == "hello"
    assert raw["sound"].rate == 8000
    assert raw["sound"].samples_CT.shape == (1, 8000)
    with pytest.raises(DataError, match=r"no field 'colour'; it reads clip \(video\), photo"):
        prediction.inputs(EVERYTHING, None, {"colour": "red"})
    with pytest.raises(DataError, match="not read as 'smell'"):
        prediction.inputs(Built({"x": "smell"}), None, {"x": "y"})
    read = prediction.inputs(Built({"x": "shapes", "y": "text"}), None, {"x": "a.npz", "y": "z"})
    assert read == {"x": "shapes of a.npz", "y": "z"}, "an encoder may read its files itself"


def test_too_much_text(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("x" * 1_000_001)
    with pytest.raises(DataError, match="more than 1,000,000 bytes"):
        prediction.inputs(EVERYTHING, path, {})
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as text"):
        prediction.inputs(EVERYTHING, path, {})


def test_a_task_that_reads_for_itself_gets_the_path(tmp_path: Path) -> None:
    class Reads(Task):
        def read(self, model: Any, path: Path, extras: Mapping[str, Path]) -> Mapping[str, Any]:
            return {"path": path, **extras}

    found = prediction.predict(Built({"sound": "audio"}, Reads()), tmp_path / "x.mp4", {"faces": "boxes.json"})
    assert found.rows == [{"fields": ["faces", "path"]}]
    without = prediction.predict(Built({"words": "text"}, Reads()), None, {"words": "hi"})
    assert without.rows == [{"fields": ["words"]}]


def test_too_little_memory_is_about_the_file(tmp_path: Path) -> None:
    class Large(Task):
        def predict(self, model: Any, raw: Mapping[str, Any]) -> Prediction:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")

    with pytest.raises(DataError, match=r"^out of memory while predicting: .*; give a shorter or smaller one"):
        prediction.predict(Built({"words": "text"}, Large()), None, {"words": "hi"})


def test_clips_become_files_with_names_of_their_own(tmp_path: Path) -> None:
    audio = Audio(np.zeros((1, 800), np.float32), 8000)
    clips = [Clip("voice/1", audio, ""), Clip("voice 1", audio, ""), Clip("p", np.zeros((4, 4, 3), np.uint8), "")]
    paths = prediction.write(Prediction([], clips), tmp_path / "out")
    assert len({path.name for path in paths}) == 3
    assert [path.suffix for path in paths] == [".wav", ".wav", ".png"]
    assert all(path.is_file() for path in paths)


def test_pages_become_files_and_never_leave_the_folder(tmp_path: Path) -> None:
    found = Prediction([], pages={"a.html": "<p>ä</p>", "../b.html": "x"})
    paths = prediction.write(found, tmp_path / "out")
    assert paths == [tmp_path / "out" / "a.html", tmp_path / "out" / "b.html"]
    assert paths[0].read_text("utf-8") == "<p>ä</p>"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        prediction.write(found, tmp_path / "file")


def test_a_run_folder_is_a_model_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(2, 2)
    save(tmp_path / "checkpoint", model, {"stage": 0})
    fresh = nn.Linear(2, 2)
    assert not torch.equal(fresh.weight, model.weight)

    @dataclass
    class Parts:
        model: nn.Module

    class Shelf:
        plugins = type("P", (), {"registry": None})

        def restore(self, config: Path, *, unused: Any = ()) -> Any:
            assert config == tmp_path / "config.yaml"
            assert unused == ()  # without a meaning everything is built
            return type("R", (), {"experiment": "spec"})

    monkeypatch.setattr(prediction, "build", lambda experiment, registry: Parts(fresh))
    shelf: Catalog = Shelf()  # type: ignore[assignment]
    found = prediction.open_run(shelf, tmp_path)
    assert torch.equal(fresh.weight, model.weight)
    assert not found.model.training
    (tmp_path / "checkpoint" / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights at"):
        prediction.open_run(shelf, tmp_path)


def test_arrays_are_written_as_they_are(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    written = prediction.write(Prediction([], arrays={"features": values}), tmp_path / "new")
    assert [path.name for path in written] == ["features.npy"]
    assert np.array_equal(np.load(written[0], allow_pickle=False), values)


def test_an_array_of_objects_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        prediction.write(Prediction([], arrays={"x": np.array([{}], dtype=object)}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_words_that_the_model_never_met_are_told_for_every_way_of_giving_texts() -> None:
    class Reader:
        def unknown_words(self, text: str) -> list[str]:
            return [word for word in text.split() if word != "dog"]

    class Towers:
        def modules(self) -> list[object]:
            return [object(), Reader()]

    class Listed:
        texts = ("dog qwertz", "zxcv")

    for given in ("dog qwertz zxcv", ["dog qwertz", "zxcv"], ("dog qwertz", "zxcv"), Listed()):
        (note,) = prediction.unknown_words(Towers(), {"image": object(), "caption": given})
        assert note.endswith(": qwertz, zxcv")
    assert prediction.unknown_words(Towers(), {"caption": "dog"}) == []
