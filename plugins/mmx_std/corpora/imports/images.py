"""Captions of images: COCO, Flickr8k, Flickr30k."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from mmx_std.corpora.imports.reading import PublishedLayout, Row, SourceFolder, document, lines


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
}  # fmt: skip
"""Name -> layout."""
