"""Captions of images, and questions about them: COCO, Flickr8k, Flickr30k, VQA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import PurePath
from typing import Any, Final

from mmx_std.corpora.imports.reading import PublishedLayout, Row, SourceFolder, document, lines

_VQA: Final = {"train": "train", "val": "test"}
VOCABULARY: Final = 1000
"""Most frequent answers of the training questions that are classes, as in Antol et al. (2015)."""


def coco(source: SourceFolder) -> Iterator[Row]:
    """Yield the captions of COCO, of whichever of train and val there is; its test images have none."""
    source.list("captions_*.json")
    for path in source.files("captions_*.json"):
        told = document(path)
        names = {image["id"]: image["file_name"] for image in told["images"]}
        for caption in told["annotations"]:
            name = names[caption["image_id"]]
            yield {
                "id": str(caption["id"]),
                "image": source.media("image", PurePath(name).stem),
                "caption": caption["caption"].strip(),
                "group": str(caption["image_id"]),
                "split": "train" if path.stem.startswith("captions_train") else "val",
            }


def flickr(source: SourceFolder) -> Iterator[Row]:
    """Yield the captions of Flickr8k or Flickr30k: Karpathy's file, or the original token file with lists of splits."""
    karpathy = source.optional("dataset_flickr*k.json")
    if karpathy is not None:
        for image in document(karpathy)["images"]:
            for sentence in image["sentences"]:
                yield _row(source, image["filename"], str(sentence["sentid"]), sentence["raw"], image["split"])
        return
    splits = {
        name: split
        for split, patterns in (
            ("train", ("Flickr_8k.trainImages.txt", "train.txt")),
            ("val", ("Flickr_8k.devImages.txt", "val.txt")),
            ("test", ("Flickr_8k.testImages.txt", "test.txt")),
        )
        for name in map(_stem, lines(source.list(*patterns)))
    }
    for line in lines(source.list("Flickr8k.token.txt", "results_20130124.token")):
        key, _, caption = line.partition("\t")
        name = key.partition("#")[0]
        if _stem(name) in splits:  # the lists of Flickr8k name 8,000 of the 8,091 images that have captions
            yield _row(source, name, key, caption, splits[_stem(name)])


def vqa(source: SourceFolder, prefix: str) -> Iterator[Row]:
    """Yield the questions of VQA about real images, of whichever of train, val and test there are.

    `label` is the answer that most annotators gave, where it is one of the 1,000 most frequent of train, `answers` what
    all ten gave, one a line. Answers to the test questions are kept by the challenge: val2014 is split `test` here,
    which runs are judged on, and test2015 split `unanswered`.

    Args:
        source: The folder.
        prefix: Of the files' names: "" of version 1, "v2_" of version 2.
    """
    pattern = f"{prefix}OpenEnded_mscoco_*_questions.json"
    source.list(pattern)
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for path in source.files(f"{prefix}mscoco_*_annotations.json"):
        told[path.stem.split("_")[-2]] = {str(each["question_id"]): each for each in document(path)["annotations"]}
    usual = Counter(
        each["multiple_choice_answer"] for part, rows in told.items() if "train" in part for each in rows.values()
    )
    classes = {answer for answer, _ in usual.most_common(VOCABULARY)}
    for path in source.files(pattern):
        part = path.stem.split("_")[-2]
        folder = "test2015" if part.startswith("test") else part
        for question in document(path)["questions"]:
            identity = str(question["question_id"])
            known = told.get(part, {}).get(identity, {})
            answer = known.get("multiple_choice_answer")
            yield {
                "id": identity,
                "image": source.media("image", f"COCO_{folder}_{question['image_id']:012d}"),
                "question": question["question"].strip(),
                "label": answer if answer in classes else None,
                "answers": "\n".join(each["answer"] for each in known["answers"]) if known else None,
                "label_type": known.get("question_type"),
                "label_answer_type": known.get("answer_type"),
                "group": str(question["image_id"]),
                "split": next((name for start, name in _VQA.items() if part.startswith(start)), "unanswered"),
            }


def _row(source: SourceFolder, name: str, identity: str, caption: str, split: str) -> Row:
    image = source.media("image", _stem(name))
    return {"id": identity, "image": image, "caption": caption.strip(), "group": _stem(name), "split": split}


def _stem(name: str) -> str:
    return name.removesuffix(".jpg")


LAYOUTS: Final = {
    "coco-captions": PublishedLayout(
        "COCO captions", "captions_train*.json, captions_val*.json, images", "the two files", None,
        "CC BY 4.0 (captions); images as Flickr's terms say", "https://cocodataset.org/#download", coco,
    ),
    "flickr8k": PublishedLayout(
        "Flickr8k", "Flickr8k.token.txt, Flickr_8k.{train,dev,test}Images.txt, images", "the three lists", 40_000,
        "research and education only", "https://www.jair.org/index.php/jair/article/view/10833", flickr,
    ),
    "flickr30k": PublishedLayout(
        "Flickr30k", "results_20130124.token, {train,val,test}.txt (or dataset_flickr30k.json), images",
        "the three lists", None, "research and education only", "https://shannon.cs.illinois.edu/DenotationGraph/",
        flickr,
    ),
    "vqa": PublishedLayout(
        "VQA v1, real images", "OpenEnded_mscoco_{train2014,val2014,test2015}_questions.json, "
        "mscoco_{train2014,val2014}_annotations.json, images", "val2014 as test; test2015 has no answers", 614_163,
        "CC BY 4.0 (questions, answers); images as Flickr's terms say", "https://visualqa.org/vqa_v1_download.html",
        partial(vqa, prefix=""),
    ),
    "vqa2": PublishedLayout(
        "VQA v2, real images", "v2_OpenEnded_mscoco_{train2014,val2014,test2015}_questions.json, "
        "v2_mscoco_{train2014,val2014}_annotations.json, images", "val2014 as test; test2015 has no answers",
        1_105_904, "CC BY 4.0 (questions, answers); images as Flickr's terms say",
        "https://visualqa.org/download.html", partial(vqa, prefix="v2_"),
    ),
}  # fmt: skip
"""Name -> layout."""
