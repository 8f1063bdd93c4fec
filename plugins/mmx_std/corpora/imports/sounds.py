"""Sounds and music: ESC-50, Speech Commands, AudioCaps, MagnaTagATune."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmx_std.corpora.imports.reading import PublishedLayout, Row, SourceFolder, lines, table

_FOLD: Final = "5"
"""The fold that is judged; the others train, as in the first of the five rounds of cross-validation backwards."""


def esc50(source: SourceFolder) -> Iterator[Row]:
    """Yield the clips of ESC-50: fold 5 is the test split, and the target `fold` is the fold."""
    for row in table(source.list("esc50.csv"), "filename", "fold", "category", "src_file"):
        yield {
            "id": row["filename"],
            "audio": source.media("audio", row["filename"].removesuffix(".wav")),
            "label": row["category"],
            "group": row["src_file"],
            "label_fold": row["fold"],
            "split": "test" if row["fold"] == _FOLD else "train",
        }


def speech_commands(source: SourceFolder) -> Iterator[Row]:
    """Yield the words of Speech Commands; `_background_noise_` is left out."""
    of_list = {
        name: split
        for split, file in (("val", "validation_list.txt"), ("test", "testing_list.txt"))
        for name in lines(source.list(file))
    }
    root = source.list("validation_list.txt").parent
    names = {file.relative_to(root).as_posix() for file in root.glob("[!_]*/*.wav")}
    for name in sorted(names | set(of_list)):
        word, _, file = name.partition("/")
        yield {
            "id": name,
            "audio": root / name if name in names else None,
            "label": word,
            "group": file.partition("_nohash_")[0],
            "split": of_list.get(name, "train"),
        }


def audiocaps(source: SourceFolder) -> Iterator[Row]:
    """Yield the captions of AudioCaps; val and test have five of each clip."""
    for split in ("train", "val", "test"):
        for row in table(source.list(f"{split}.csv"), "audiocap_id", "youtube_id", "start_time", "caption"):
            name, start = row["youtube_id"], row["start_time"]
            yield {
                "id": row["audiocap_id"],
                "audio": source.media("audio", f"{name}_{start}", name, f"Y{name}", row["audiocap_id"]),
                "caption": row["caption"],
                "group": name,
                "split": split,
            }


def magnatagatune(source: SourceFolder) -> Iterator[Row]:
    """Yield the clips of MagnaTagATune with their tags; folders 0 to b train, c is val, d to f are test."""
    path = source.list("annotations_final.csv")
    for row in table(path, "clip_id", "mp3_path", separator="\t"):
        folder, _, file = row["mp3_path"].partition("/")
        found = next((base / row["mp3_path"] for base in (path.parent, source.path)
                      if (base / row["mp3_path"]).is_file()), None)  # fmt: skip
        yield {
            "id": row["clip_id"],
            "audio": found or source.media("audio", file.removesuffix(".mp3")),
            "labels": [tag for tag, value in row.items() if value == "1" and tag not in ("clip_id", "mp3_path")],
            "group": file.rsplit("-", 2)[0],
            "split": "val" if folder == "c" else "test" if folder in "def" else "train",
        }


LAYOUTS: Final = {
    "esc50": PublishedLayout(
        "ESC-50", "meta/esc50.csv, audio/*.wav", "fold 5 is test", 2000, "CC BY-NC 3.0",
        "https://github.com/karolpiczak/ESC-50", esc50,
    ),
    "speech-commands": PublishedLayout(
        "Speech Commands v0.02", "WORD/*.wav, validation_list.txt, testing_list.txt", "the two lists", 105_829,
        "CC BY 4.0", "https://arxiv.org/abs/1804.03209", speech_commands,
    ),
    "audiocaps": PublishedLayout(
        "AudioCaps", "train.csv, val.csv, test.csv, audio named by youtube_id (and _start)", "the three files", None,
        "academic use (its licence file: MIT); recordings as their makers say", "https://audiocaps.github.io",
        audiocaps,
    ),
    "magnatagatune": PublishedLayout(
        "MagnaTagATune", "annotations_final.csv, FOLDER/*.mp3", "folders 0-b, c, d-f", 25_863, "CC BY-NC-SA 3.0",
        "https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset", magnatagatune,
    ),
}  # fmt: skip
"""Name -> layout."""
