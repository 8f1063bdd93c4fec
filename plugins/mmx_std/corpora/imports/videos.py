"""Sentences and questions about videos: MSR-VTT, YouCook2, TVR, TVQA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mmx_std.corpora.imports.reading import PublishedLayout, Row, SourceFolder, document, records

_MSRVTT: Final = {"train": "train", "validate": "val", "test": "test"}
_YOUCOOK: Final = {"training": "train", "validation": "val", "testing": "test"}


def msrvtt(source: SourceFolder) -> Iterator[Row]:
    """Yield the sentences of MSR-VTT, 20 of each video."""
    source.list("*videodatainfo*.json")
    for path in source.files("*videodatainfo*.json"):
        told = document(path)
        videos = {video["video_id"]: video for video in told["videos"]}
        for sentence in told["sentences"]:
            video = videos.get(sentence["video_id"])
            if video is None:
                continue  # the test file also repeats sentences of the other
            yield {
                "id": f"{video['video_id']}-{sentence['sen_id']}",
                "video": source.media("video", video["video_id"]),
                "caption": sentence["caption"],
                "label_category": str(video["category"]),
                "group": video["video_id"],
                "split": _MSRVTT.get(video["split"], video["split"]),
            }


def youcook2(source: SourceFolder) -> Iterator[Row]:
    """Yield the steps of YouCook2 with their times; those of the test videos have no sentence and are left out."""
    for name, video in document(source.list("youcookii_annotations*.json"))["database"].items():
        for step in video.get("annotations", ()):
            start, end = step["segment"]
            yield {
                "id": f"{name}-{step['id']}",
                "video": source.media("video", name),
                "start": float(start),
                "end": float(end),
                "caption": step["sentence"],
                "label_recipe": str(video["recipe_type"]),
                "group": name,
                "split": _YOUCOOK[video["subset"]],
            }


def tvr(source: SourceFolder) -> Iterator[Row]:
    """Yield the clips of TVR, each with its `queries` and their moments.

    The public test queries (`tvr_test_public_release.jsonl`) name no clip and are left out.
    """
    said = _subtitles(source)
    source.list("tvr_*_release.jsonl")
    for path in source.files("tvr_*_release.jsonl"):
        queries: dict[str, list[dict[str, Any]]] = {}
        for query in records(path):
            if "vid_name" in query:
                moment = {"start": query["ts"][0], "end": query["ts"][1], "text": query["desc"]}
                queries.setdefault(query["vid_name"], []).append(moment)
        for name, found in queries.items():
            yield _clip(source, said, name) | {"id": name, "queries": found, "split": _split(path.stem)}


def tvqa(source: SourceFolder) -> Iterator[Row]:
    """Yield the questions of TVQA with five answers each; the public test questions have no right one."""
    said = _subtitles(source)
    source.list("tvqa_train.jsonl", "tvqa_*.jsonl")
    for path in source.files("tvqa_*.jsonl"):
        if "subtitles" in path.stem:
            continue
        for question in records(path):
            begin, end = _times(question.get("ts"))
            right = question.get("answer_idx")
            yield _clip(source, said, question["vid_name"]) | {
                "id": str(question["qid"]),
                "text": question["q"],
                **{f"answer_{number}": question[f"a{number}"] for number in range(5)},
                "label": None if right is None else str(right),
                "moment_start": begin,
                "moment_end": end,
                "split": _split(path.stem),
            }


def _times(written: Any) -> tuple[float | None, float | None]:
    """Return begin and end of a moment, written `76.01-84.2`; none where they are `nan-nan` or missing."""
    parts = str(written or "").split("-")
    known = len(parts) == 2 and all(part.replace(".", "").isdigit() for part in parts)
    return (float(parts[0]), float(parts[1])) if known else (None, None)


def _clip(source: SourceFolder, said: dict[str, list[Any]], name: str) -> Row:
    """Return the columns of a clip: its video where there is one (the sets come without), and its subtitles."""
    video = source.media("video", name)
    return {
        **({"video": video} if video else {}),
        **({"subtitles": said[name]} if name in said else {}),
        "group": name,
    }


def _subtitles(source: SourceFolder) -> dict[str, list[Any]]:
    path = source.optional("tvqa_preprocessed_subtitles.jsonl", "*subtitles*.jsonl")
    return {} if path is None else {clip["vid_name"]: clip["sub"] for clip in records(path)}


def _split(stem: str) -> str:
    return next((split for split in ("train", "val") if f"_{split}" in stem), "test")


LAYOUTS: Final = {
    "msrvtt": PublishedLayout(
        "MSR-VTT", "train_val_videodatainfo.json, test_videodatainfo.json, videos named video0.mp4", "its key split",
        200_000, "not stated", "https://www.microsoft.com/en-us/research/publication/"
        "msr-vtt-a-large-video-description-dataset-for-bridging-video-and-language/", msrvtt,
    ),
    "youcook2": PublishedLayout(
        "YouCook2", "youcookii_annotations_trainval.json, videos named by their id", "its key subset", None,
        "research only", "http://youcook2.eecs.umich.edu/", youcook2,
    ),
    "tvr": PublishedLayout(
        "TVR", "tvr_{train,val}_release.jsonl, tvqa_preprocessed_subtitles.jsonl",
        "the files; the public test queries name no clip", None, "MIT (annotations)", "https://tvr.cs.unc.edu", tvr,
    ),
    "tvqa": PublishedLayout(
        "TVQA", "tvqa_{train,val,test_public}.jsonl, tvqa_preprocessed_subtitles.jsonl", "the files", None,
        "MIT (annotations)", "https://tvqa.cs.unc.edu", tvqa,
    ),
}  # fmt: skip
"""Name -> layout."""
