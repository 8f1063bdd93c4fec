"""Folders that a user has: ESC-50 and DCASE 2013, imitated with a few files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmx.errors import DataError
from mmx_std.corpora.folders.sound_sets import Dcase2013, Esc50


def write(path: Path, level: float, rate: int = 8000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((rate // 4, channels), level), rate, subtype="FLOAT")


@pytest.fixture
def esc(tmp_path: Path) -> Path:
    rows = []
    for number in range(10):
        category = ("rain", "dog")[number % 2]
        name = f"{number % 5 + 1}-{number // 2}-A-{number % 2}.wav"
        write(tmp_path / "audio" / name, number / 20)
        esc10 = str(category == "dog")
        rows.append([name, number % 5 + 1, number % 2, category, esc10, str(number // 2), "A"])
    (tmp_path / "meta").mkdir()
    with (tmp_path / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["filename", "fold", "target", "category", "esc10", "src_file", "take"], *rows])
    return tmp_path


def test_esc50_has_its_official_folds(esc: Path) -> None:
    corpus = Esc50(str(esc))
    samples = corpus.split("all")
    assert corpus.targets["label"] == ("dog", "rain")
    assert [sample.targets["fold"] for sample in samples] == [0, 1, 2, 3, 4] * 2
    assert [sample.targets["label"] for sample in samples] == [1, 0] * 5
    assert samples[3].fields["audio"].samples_CT[0, 0] == pytest.approx(3 / 20)
    assert samples[3].targets["recording"] == "1"
    assert {sample.targets["fold"] for sample in corpus.split("test")} == {0}
    assert len(corpus.split("train")) == 8
    assert len(samples[2:5]) == 3


def test_esc10_is_a_subset_with_another_digest(esc: Path) -> None:
    small = Esc50(str(esc), esc10=True)
    assert small.targets["label"] == ("dog",)
    assert len(small.split("all")) == 5
    assert small.digest != Esc50(str(esc)).digest
    assert len(small.digest) <= 36


def test_a_folder_that_is_not_there_or_not_esc50_is_named(tmp_path: Path, esc: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.*path=FOLDER"):
        Esc50(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="no split 'trian'; did you mean 'train'"):
        Esc50(str(esc)).split("trian")
    (esc / "meta" / "esc50.csv").write_text("filename,fold\na.wav,1\n")
    with pytest.raises(DataError, match="lacks the columns target, category, esc10, src_file"):
        Esc50(str(esc))


def test_a_file_name_never_leads_out_of_the_folder(esc: Path) -> None:
    table = esc / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace("1-0-A-0.wav", "../../secret.wav"))
    with pytest.raises(DataError, match=r"audio.secret"):
        list(Esc50(str(esc)).split("all"))


def test_dcase_has_its_training_and_test_files(tmp_path: Path) -> None:
    for name in ("bus01", "bus02", "tubestation01"):
        write(tmp_path / "scenes_stereo" / f"{name}.wav", 0.1, channels=2)
    write(tmp_path / "scenes_stereo_testset" / "bus01.wav", 0.2, channels=2)
    write(tmp_path / "scenes_stereo" / "readme01.wav", 0.1)
    corpus = Dcase2013(str(tmp_path))
    assert [sample.targets["fold"] for sample in corpus.split("all")] == [-1, -1, -1, 0]
    names = corpus.targets["label"]
    assert names is not None
    assert [names[sample.targets["label"]] for sample in corpus.split("train")] == ["bus", "bus", "tubestation"]
    assert [sample.fields["audio"].samples_CT.shape[0] for sample in corpus.split("test")] == [2]
    assert len({sample.id for sample in corpus.split("all")}) == 4
    with pytest.raises(DataError, match="scenes_stereo"):
        Dcase2013(str(tmp_path / "scenes_stereo"))
