"""Clips of online videos, by lists of their names and times: VGGSound, AVSpeech."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmx_std.corpora.imports.reading import PublishedLayout, Row, SourceFolder, table

_LENGTH: Final = 10.0
"""Seconds of a clip of VGGSound."""


def vggsound(source: SourceFolder) -> Iterator[Row]:
    """Yield the clips of VGGSound: files of the clips (`ID_000030.mp4`), or of whole videos (`ID.mp4`)."""
    for row in table(source.list("vggsound.csv"), names=("video", "start", "label", "split")):
        start = int(row["start"])
        clip = source.media("video", f"{row['video']}_{start:06d}", f"{row['video']}_{start}")
        whole = None if clip else source.media("video", row["video"])
        yield {
            "id": f"{row['video']}_{start:06d}",
            "video": clip or whole,
            **({"start": float(start), "end": start + _LENGTH} if whole else {}),
            "label": row["label"],
            "group": row["video"],
            "split": row["split"],
        }


def avspeech(source: SourceFolder) -> Iterator[Row]:
    """Yield the stretches of AVSpeech with the place of the speaker's face (0 to 1 of width and height)."""
    source.list("avspeech_*.csv")
    for path in source.files("avspeech_*.csv"):
        for row in table(path, names=("video", "start", "end", "x", "y")):
            name, start, end = row["video"], float(row["start"]), float(row["end"])
            clip = source.media("video", f"{name}_{row['start']}_{row['end']}", f"{name}_{row['start']}")
            whole = None if clip else source.media("video", name)
            yield {
                "id": f"{name}_{row['start']}",
                "video": clip or whole,
                **({"start": start, "end": end} if whole else {}),
                "face_x": float(row["x"]),
                "face_y": float(row["y"]),
                "group": name,
                "split": "test" if path.stem.endswith("test") else "train",
            }


LAYOUTS: Final = {
    "vggsound": PublishedLayout(
        "VGGSound", "vggsound.csv, videos named ID_START.mp4 (six digits) or ID.mp4", "its last column", None,
        "CC BY 4.0 (list); videos as their makers say", "https://www.robots.ox.ac.uk/~vgg/data/vggsound/", vggsound,
    ),
    "avspeech": PublishedLayout(
        "AVSpeech", "avspeech_train.csv, avspeech_test.csv, videos named ID_START_END.mp4 or ID.mp4", "the two files",
        None, "CC BY 4.0 (list); videos as their makers say", "https://looking-to-listen.github.io/avspeech/",
        avspeech,
    ),
}  # fmt: skip
"""Name -> layout."""
