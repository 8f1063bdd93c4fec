"""Voices and faces of persons: VoxCeleb, CREMA-D, RAVDESS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmx import DataError
from mmx_std.corpora.imports.reading import KINDS, PublishedLayout, Row, SourceFolder, lines, table

_USE: Final = {"1": "train", "2": "val", "3": "test"}
_CREMAD_EMOTIONS: Final = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
_SENTENCES: Final = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_RAVDESS_EMOTIONS: Final = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_STATEMENTS: Final = ("Kids are talking by the door", "Dogs are sitting by the door")


def voxceleb(source: SourceFolder) -> Iterator[Row]:
    """Yield the utterances of VoxCeleb1: the identification splits where `iden_split.txt` is there, else the set."""
    persons = {
        row["VoxCeleb1 ID"]: row
        for row in table(source.list("vox1_meta.csv"), "VoxCeleb1 ID", "Gender", "Nationality", "Set", separator="\t")
    }
    files = {"/".join(file.parts[-3:]): file for file in source.files("id*/*/*.wav")}
    listed = source.optional("iden_split.txt")
    used = dict(line.split()[::-1] for line in lines(listed)) if listed else dict.fromkeys(sorted(files), "")
    for name, use in used.items():
        person, video, _ = name.split("/")
        if person not in persons:
            raise DataError(f"{name}: {person} is not in vox1_meta.csv")
        told = persons[person]
        yield {
            "id": name,
            "audio": files.get(name),
            "label": person,
            "label_gender": told["Gender"],
            "label_nationality": told["Nationality"],
            "group": f"{person}/{video}",
            "split": _USE[use] if use else "test" if told["Set"] == "test" else "train",
        }


def voxceleb2(source: SourceFolder) -> Iterator[Row]:
    """Yield the utterances of VoxCeleb2 that are there, audio and video; its list names persons, not utterances."""
    persons = {
        row["VoxCeleb2 ID"]: row
        for row in table(source.list("vox2_meta.csv"), "VoxCeleb2 ID", "VGGFace2 ID", "Gender", "Set")
    }
    found: dict[str, Row] = {}
    for file in source.files("id*/*/*.*"):
        kind = KINDS.get(file.suffix.lower())
        if kind in ("audio", "video"):
            name = "/".join((*file.parts[-3:-1], file.stem))
            found.setdefault(name, {"id": name}).setdefault(kind, file)
    for name, row in sorted(found.items()):
        person, video, _ = name.split("/")
        if person not in persons:
            raise DataError(f"{name}: {person} is not in vox2_meta.csv")
        told = persons[person]
        yield {
            **row,
            "label": person,
            "label_gender": told["Gender"],
            "group": f"{person}/{video}",
            "split": "test" if told["Set"] == "test" else "train",
        }


def cremad(source: SourceFolder) -> Iterator[Row]:
    """Yield the clips of CREMA-D; it has no splits: persons are divided by a hash."""
    sex = {row["ActorID"]: row["Sex"] for row in _demographics(source)}
    sounds = {file.stem: file for file in source.files("*.wav")}
    videos = {file.stem: file for file in source.files("*.flv")}
    for name in sorted({*sounds, *videos}):
        parts = name.split("_")
        if len(parts) != 4 or parts[2] not in _CREMAD_EMOTIONS:
            continue
        actor, sentence, emotion, level = parts
        yield {
            "id": name,
            **({"audio": sounds[name]} if name in sounds else {}),
            **({"video": videos[name]} if name in videos else {}),
            "text": _SENTENCES.get(sentence, sentence),
            "label": _CREMAD_EMOTIONS[emotion],
            "label_level": level,
            **({"label_gender": sex[actor].lower()} if actor in sex else {}),
            "group": actor,
        }


def _demographics(source: SourceFolder) -> Iterator[dict[str, str]]:
    path = source.optional("VideoDemographics.csv")
    return iter(()) if path is None else table(path, "ActorID", "Sex")


def ravdess(source: SourceFolder) -> Iterator[Row]:
    """Yield the files of RAVDESS; it has no splits: actors are divided by a hash."""
    for file in source.files("*-*-*-*-*-*-*.*"):
        parts = file.stem.split("-")
        kind = KINDS.get(file.suffix.lower())
        if kind is None or not all(part.isdigit() for part in parts):
            continue
        _, channel, emotion, intensity, statement, _, actor = (int(part) for part in parts)
        yield {
            "id": file.stem,
            kind: file,
            "text": _STATEMENTS[statement - 1],
            "label": _RAVDESS_EMOTIONS[emotion - 1],
            "label_channel": "song" if channel == 2 else "speech",
            "label_intensity": "strong" if intensity == 2 else "normal",
            "label_gender": "female" if actor % 2 == 0 else "male",
            "group": f"actor-{actor:02d}",
        }


LAYOUTS: Final = {
    "voxceleb1": PublishedLayout(
        "VoxCeleb1", "vox1_meta.csv, iden_split.txt (or the set of each person), idXXXXX/VIDEO/*.wav", "iden_split.txt",
        153_516, "CC BY 4.0 (lists); recordings as their makers say",
        "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html", voxceleb,
    ),
    "voxceleb2": PublishedLayout(
        "VoxCeleb2", "vox2_meta.csv, idXXXXX/VIDEO/*.m4a and (or) *.mp4", "the set of each person", 1_128_246,
        "CC BY 4.0 (lists); recordings as their makers say",
        "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html", voxceleb2,
    ),
    "crema-d": PublishedLayout(
        "CREMA-D", "AudioWAV/*.wav, VideoFlash/*.flv, VideoDemographics.csv", "none: a hash of the actor", 7442,
        "ODbL 1.0", "https://github.com/CheyneyComputerScience/CREMA-D", cremad,
    ),
    "ravdess": PublishedLayout(
        "RAVDESS", "Actor_01/03-01-01-01-01-01-01.wav (or .mp4), ...", "none: a hash of the actor", 7356,
        "CC BY-NC-SA 4.0", "https://zenodo.org/records/1188976", ravdess,
    ),
}  # fmt: skip
"""Name -> layout."""
