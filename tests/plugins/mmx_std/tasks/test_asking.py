"""Questions of users: what a file, a folder, texts and lines of a file become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError, UserError
from mmx.media.audio_image import write_image
from mmx.model.model import Model
from mmx.types import Features
from mmx_std.fusers.pooled import Concat, NoFusion
from mmx_std.tasks.asking import Candidates, embed, field_of, fields_of, modality_of, ranking, read_question

PORTS = ("fused.image", "fused.words")
COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


class Pixels(nn.Module):
    """The mean colour of an image."""

    modality, out_dim = "image", 3

    def prepare(self, raw: Any) -> Tensor:
        return torch.from_numpy(np.asarray(raw, np.float32)).mean((0, 1))

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


class Names(nn.Module):
    """The colours that a text names."""

    modality, out_dim = "text", 3

    def prepare(self, raw: Any) -> Tensor:
        return torch.tensor([float(name in raw) for name in COLOURS])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


@pytest.fixture
def model() -> Model:
    fuser = NoFusion({"image": 3, "words": 3})
    return Model({"image": Pixels(), "words": Names()}, fuser, {}, {"image": "image", "words": "caption"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name, colour in COLOURS.items():
        place = tmp_path / "deep" if name == "blue" else tmp_path
        write_image(place / f"{name}.png", np.full((4, 5, 3), colour, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "lines.txt").write_text("a green hill\n\nthe red sea\n")
    return tmp_path


def test_fields_and_modalities(model: Model) -> None:
    assert [field_of(model, port) for port in PORTS] == ["image", "caption"]
    assert [modality_of(model, port) for port in PORTS] == ["image", "text"]


def test_vectors_over_several_batches(model: Model) -> None:
    texts = [f"{name} {i}" for i in range(30) for name in COLOURS]
    torch.testing.assert_close(embed(model, "fused.words", texts), torch.eye(3).double().repeat(30, 1))
    both = embed(model, "fused.words", ["red green"], normalise=False)
    assert both.tolist() == [[1.0, 1.0, 0.0]]


def test_a_side_of_several_texts_is_one_text_in_parts() -> None:
    encoders = {"one": Names(), "two": Names()}
    two = Model(encoders, Concat({"one": 3, "two": 3}), {}, {"one": "title", "two": "body"})
    assert fields_of(two, "fused.joint") == ["title", "body"] and field_of(two, "fused.joint") == "title"
    found = embed(two, "fused.joint", ["red | blue sky | green", "green"], normalise=False)
    assert found.tolist() == [[1, 0, 0, 0, 1, 1], [0, 1, 0, 0, 0, 0]]


def test_texts_for_a_file(model: Model, folder: Path) -> None:
    raw = read_question(model, PORTS, folder / "red.png", {"texts": Path("a green hill; the red sea")})
    assert raw["caption"] == Candidates(["a green hill", "the red sea"], ["a green hill", "the red sea"], "text")
    assert raw["caption"].texts == ["a green hill", "the red sea"]
    rows = ranking(model, (PORTS[0], raw["image"]), (PORTS[1], raw["caption"])).rows
    assert [(row["rank"], row["caption"]) for row in rows] == [(1, "the red sea"), (2, "a green hill")]
    assert set(read_question(model, PORTS, folder / "red.png", {})) == {"image"}


def test_a_query_for_a_folder(model: Model, folder: Path) -> None:
    raw = read_question(model, PORTS, folder, {"query": Path("the blue sky")})
    assert raw["caption"] == "the blue sky"
    found = ranking(model, (PORTS[1], raw["caption"]), (PORTS[0], raw["image"]))
    assert found.rows[0] == {"rank": 1, "image": "deep/blue.png", "similarity": pytest.approx(1.0)}
    assert len(found.rows) == 3
    assert len(found.notes) == 1 and "broken.png" in found.notes[0]


def test_a_file_for_the_lines_of_a_file(model: Model, folder: Path) -> None:
    raw = read_question(model, PORTS, folder / "green.png", {"in": folder / "lines.txt"})
    assert raw["caption"].names == ["a green hill", "the red sea"]


@pytest.mark.parametrize(
    ("path", "extras", "fault"),
    [
        ("", {}, "what to look for"),
        ("red.png", {"textes": "x"}, "nothing to do with 'textes'"),
        ("missing.wav", {}, "holds audio, but the model compares"),
        ("broken.png", {}, "broken.png"),
        ("deep/blue.png", {"in": "nowhere"}, "no such folder"),
    ],
)
def test_what_cannot_be_asked(model: Model, folder: Path, path: str, extras: dict[str, str], fault: str) -> None:
    with pytest.raises((UserError, DataError), match=fault):
        read_question(model, PORTS, folder / path, extras)


def test_a_folder_is_searched_for_the_side_that_it_has_files_of(folder: Path, tmp_path: Path) -> None:
    class Sounds(Pixels):
        modality = "audio"

    encoders = {"image": Pixels(), "sound": Sounds(), "words": Names()}
    fields = {"image": "image", "sound": "audio", "words": "caption"}
    heard = Model(encoders, NoFusion(dict.fromkeys(encoders, 3)), {}, fields)  # type: ignore[arg-type]
    ports = ("fused.image", "fused.sound", "fused.words")
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "dog.wav").touch()
    raw = read_question(heard, ports, tmp_path / "only", {"query": "red"})
    assert raw["caption"] == "red" and [path.name for path in raw["audio"].values] == ["dog.wav"] and "image" not in raw
    assert "image" in read_question(heard, ports, folder, {"query": "red"}), "images come first where there are any"


def test_a_folder_without_such_files(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no files of image"):
        read_question(model, PORTS, tmp_path, {"query": "red"})


def test_nothing_readable_is_told(model: Model, folder: Path) -> None:
    only = Candidates(["broken.png"], [folder / "broken.png"], "image")
    with pytest.raises(DataError, match="none of 1 candidates"):
        ranking(model, (PORTS[1], "red"), (PORTS[0], only))
