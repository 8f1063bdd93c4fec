"""Tiny folders in the published form of each data set: names and columns only, media made here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmx.media.audio_image import write_audio, write_image, write_video
from mmx.types import Audio, Video
from mmx_std.corpora.imports.writing import import_layout


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_audio(path.with_suffix(".wav"), Audio(np.full((1, 800), 0.1, np.float32), 8000))
    written.rename(path)


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.full((4, 4, 3), 9, np.uint8))


def video_file(path: Path, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, Video(np.full((round(4 * seconds), 16, 16, 3), 9, np.uint8), 4.0))


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def values(path: Path, *rows: Any) -> None:
    text(path, *map(json.dumps, rows))


def esc50(at: Path) -> None:
    text(
        at / "meta/esc50.csv",
        "filename,fold,target,category,esc10,src_file,take",
        "1-100032-A-0.wav,1,0,dog,True,100032,A",
        "5-200000-A-1.wav,5,1,rooster,True,200000,A",
        "2-300000-A-1.wav,2,1,rooster,True,300000,A",
    )
    for name in ("1-100032-A-0", "5-200000-A-1"):
        sound(at / f"audio/{name}.wav")


def speech_commands(at: Path) -> None:
    for name in ("yes/a1_nohash_0", "no/a1_nohash_0", "no/b2_nohash_1", "_background_noise_/running_tap"):
        sound(at / f"{name}.wav")
    text(at / "validation_list.txt", "no/b2_nohash_1.wav")
    text(at / "testing_list.txt", "yes/a1_nohash_0.wav", "yes/gone_nohash_0.wav")


def audiocaps(at: Path) -> None:
    head = "audiocap_id,youtube_id,start_time,caption"
    text(at / "train.csv", head, '91139,r1nicOVtvkQ,130,"A woman talks, then water runs"')
    text(at / "val.csv", head, "97151,vfY_TJq7n_U,130,Rain", "97152,vfY_TJq7n_U,130,A storm")
    text(at / "test.csv", head, "103549,gone,30,Wind")
    sound(at / "audio/r1nicOVtvkQ_130.wav")
    sound(at / "audio/val/vfY_TJq7n_U.wav")


def magnatagatune(at: Path) -> None:
    text(
        at / "annotations_final.csv",
        '"clip_id"\t"no voice"\t"guitar"\t"mp3_path"',
        '"2"\t"1"\t"1"\t"f/bach-track-01-aria-0-29.mp3"',
        '"3"\t"0"\t"1"\t"c/tune-02-song-30-59.mp3"',
        '"4"\t"0"\t"0"\t"0/tune-03-air-0-29.mp3"',
        '"5"\t"0"\t"1"\t"b/gone-04-x-0-29.mp3"',
    )
    for name in ("f/bach-track-01-aria-0-29", "c/tune-02-song-30-59", "0/tune-03-air-0-29"):
        sound(at / f"{name}.mp3")


def coco(at: Path) -> None:
    for split, number in (("train", 9), ("val", 42)):
        name = f"{number:012d}.jpg"
        notes = [{"image_id": number, "id": number * 10 + place, "caption": f"a thing {place}\n"} for place in (1, 2)]
        lost = {"image_id": 7, "id": number, "caption": "gone"}
        images = [{"id": number, "file_name": name}, {"id": 7, "file_name": "000000000007.jpg"}]
        values(at / f"annotations/captions_{split}2017.json", {"images": images, "annotations": [*notes, lost]})
        image(at / f"{split}2017/{name}")


def vqa(at: Path, prefix: str = "") -> None:
    """Two training questions, one for val whose answer no training question has, one test question without answers."""
    said = ["yes"] * 7 + ["no", "Yes.", "probably"]
    parts = {"train2014": ((9, 90, "yes"), (9, 91, "no")), "val2014": ((42, 420, "maybe"),), "test2015": ((7, 70, ""),)}
    for part, rows in parts.items():
        asked = [{"image_id": image, "question": "Is it?", "question_id": name} for image, name, _ in rows]
        values(at / f"{prefix}OpenEnded_mscoco_{part}_questions.json", {"questions": asked})
        answered = [
            {
                **{"question_id": name, "image_id": image_id, "question_type": "is it", "answer_type": "yes/no"},
                "answers": [{"answer": each, "answer_id": n} for n, each in enumerate(said, 1)],
                "multiple_choice_answer": answer,
            }
            for image_id, name, answer in rows
        ]
        if part != "test2015":
            values(at / f"{prefix}mscoco_{part}_annotations.json", {"annotations": answered})
        for image_id, name, _ in rows:
            if name != 91:
                image(at / part / f"COCO_{part}_{image_id:012d}.jpg")


def vqa2(at: Path) -> None:
    vqa(at, "v2_")


def flickr8k(at: Path) -> None:
    names = ("1000_a", "1001_b", "1002_c", "1003_d", "1004_e")
    text(at / "Flickr8k.token.txt", *(f"{name}.jpg#{n}\tA dog {n} ." for name in names for n in range(2)))
    for split, name in (("train", "1000_a"), ("dev", "1001_b"), ("test", "1002_c")):
        text(at / f"Flickr_8k.{split}Images.txt", f"{name}.jpg", *(["1003_d.jpg"] if split == "train" else []))
    for name in (*names[:3], "1004_e"):
        image(at / f"Flicker8k_Dataset/{name}.jpg")


def flickr30k(at: Path) -> None:
    text(at / "results_20130124.token", *(f"{name}.jpg#0\tTwo men ." for name in ("36979", "65567", "81641")))
    for split, name in (("train", "36979"), ("val", "65567"), ("test", "81641")):
        text(at / f"{split}.txt", name)
        image(at / f"flickr30k-images/{name}.jpg")


def karpathy(at: Path) -> None:
    images = [
        {"filename": f"{n}.jpg", "split": split, "sentences": [{"raw": "Two men.", "sentid": n}]}
        for n, split in enumerate(("train", "val", "test"))
    ]
    values(at / "dataset_flickr30k.json", {"images": images})
    for n in range(3):
        image(at / f"images/{n}.jpg")


def vggsound(at: Path) -> None:
    text(at / "vggsound.csv", '---g-f_I2yQ,1,"people marching",test', 'a_b,30,"dog, barking",train', "x,5,rain,train")
    video_file(at / "video/a_b_000030.mp4")
    video_file(at / "video/---g-f_I2yQ.mp4", 2)


def avspeech(at: Path) -> None:
    text(at / "avspeech_train.csv", "0OEpGrXkxZo,0.5,1.500000,0.5,0.25", "gone,1.0,4.0,0.1,0.2")
    text(at / "avspeech_test.csv", "x_y,90.0,93.0,0.7,0.4")
    video_file(at / "0OEpGrXkxZo.mp4", 2)
    video_file(at / "clips/x_y_90.0_93.0.mp4")


def msrvtt(at: Path) -> None:
    def told(number: int, split: str) -> dict[str, Any]:
        return {
            "videos": [{"video_id": f"video{number}", "split": split, "category": 9, "url": "", "id": number}],
            "sentences": [{"video_id": f"video{number}", "sen_id": number, "caption": "a car is shown"}],
        }

    parts = [told(0, "train"), told(6513, "validate")]
    joined = {key: [each for part in parts for each in part[key]] for key in ("videos", "sentences")}
    values(at / "train_val_videodatainfo.json", joined)
    values(at / "test_videodatainfo.json", told(7010, "test"))
    video_file(at / "TrainValVideo/video0.mp4")
    video_file(at / "TestVideo/video7010.mp4")


def youcook2(at: Path) -> None:
    steps = [{"id": n, "segment": [n, n + 1], "sentence": f"cut {n}"} for n in (0, 1)]
    video = {"duration": 3.0, "recipe_type": "113", "video_url": "", "annotations": steps}
    database = {
        "GLd3aX16zBg": {**video, "subset": "training"},
        "gone": {**video, "subset": "validation"},
        "untold": {"duration": 3.0, "recipe_type": "9", "subset": "testing"},
    }
    values(at / "youcookii_annotations_trainval.json", {"database": database})
    video_file(at / "raw_videos/training/113/GLd3aX16zBg.mp4", 3)


SUBTITLES = {"vid_name": "friends_s01", "sub": [{"text": "Hi.", "start": 0.1, "end": 1.5}]}


def tvr(at: Path) -> None:
    values(at / "tvqa_preprocessed_subtitles.jsonl", SUBTITLES, {**SUBTITLES, "vid_name": "house_s02"})
    query = {"vid_name": "friends_s01", "duration": 61.4, "desc": "Rachel sits.", "type": "v"}
    values(
        at / "data/tvr_train_release.jsonl",
        {**query, "ts": [3.0, 9.5], "desc_id": 1},
        {**query, "ts": [1, 2], "desc_id": 2},
    )
    values(at / "data/tvr_val_release.jsonl", {**query, "vid_name": "house_s02", "ts": [0, 2.5], "desc_id": 3})
    values(at / "data/tvr_test_public_release.jsonl", {"desc": "A nurse walks.", "desc_id": 4})
    video_file(at / "videos/friends_s01.mp4")


def tvqa(at: Path) -> None:
    values(at / "tvqa_preprocessed_subtitles.jsonl", SUBTITLES)
    asked = {"vid_name": "friends_s01", "q": "Who sits?", **{f"a{n}": f"answer {n}" for n in range(5)}}
    values(at / "tvqa_train.jsonl", {**asked, "qid": 0, "answer_idx": 3, "ts": "1.2-7.5", "show_name": "Friends"})
    values(at / "tvqa_val.jsonl", {**asked, "qid": 1, "answer_idx": 0, "ts": "nan-nan", "show_name": "Friends"})
    values(at / "tvqa_test_public.jsonl", {**asked, "qid": 2, "ts": "1-2", "show_name": "Friends"})


def voxceleb1(at: Path) -> None:
    text(
        at / "vox1_meta.csv",
        "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet",
        "id10001\tA.J._Buckley\tm\tIreland\tdev",
        "id10270\tEartha_Kitt\tf\tUSA\ttest",
    )
    text(
        at / "iden_split.txt",
        "1 id10001/1zcIwhmdeo4/00001.wav",
        "3 id10270/5r0dWxy17C8/00001.wav",
        "2 id10270/gone/00002.wav",
    )
    sound(at / "wav/id10001/1zcIwhmdeo4/00001.wav")
    sound(at / "wav/id10270/5r0dWxy17C8/00001.wav")


def voxceleb2(at: Path) -> None:
    text(
        at / "vox2_meta.csv",
        "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set ",
        "id00012 ,n000001 ,m ,dev ",
        "id00017 ,n000012 ,f ,test ",
    )
    sound(at / "dev/aac/id00012/21Uxsk56VDQ/00001.wav")
    sound(at / "test/aac/id00017/01dfn2spqyE/00001.wav")


def cremad(at: Path) -> None:
    text(at / "VideoDemographics.csv", "ActorID,Age,Sex,Race,Ethnicity", "1001,51,Male,Caucasian,Not Hispanic")
    sound(at / "AudioWAV/1001_DFA_ANG_XX.wav")
    sound(at / "AudioWAV/1002_IEO_SAD_LO.wav")
    sound(at / "AudioWAV/notes.wav")


def ravdess(at: Path) -> None:
    sound(at / "Actor_01/03-01-06-01-02-01-01.wav")
    video_file(at / "Actor_12/01-02-03-02-01-01-12.mp4")


def rows_of(tree: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Make a tree, import it, and return the rows of the manifest by id."""
    layout, make, _ = TREES[tree]
    make(folder)
    import_layout(layout, folder, folder / "out.jsonl")
    return {row["id"]: row for row in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}


TREES: dict[str, tuple[str, Callable[[Path], None], Sequence[int]]] = {
    "esc50": ("esc50", esc50, (2, 3)),
    "speech-commands": ("speech-commands", speech_commands, (3, 4)),
    "audiocaps": ("audiocaps", audiocaps, (3, 4)),
    "magnatagatune": ("magnatagatune", magnatagatune, (3, 4)),
    "coco-captions": ("coco-captions", coco, (4, 6)),
    "flickr8k": ("flickr8k", flickr8k, (6, 8)),
    "flickr30k": ("flickr30k", flickr30k, (3, 3)),
    "karpathy": ("flickr30k", karpathy, (3, 3)),
    "vqa": ("vqa", vqa, (4, 4)),
    "vqa2": ("vqa2", vqa2, (4, 4)),
    "vggsound": ("vggsound", vggsound, (2, 3)),
    "avspeech": ("avspeech", avspeech, (2, 3)),
    "msrvtt": ("msrvtt", msrvtt, (2, 3)),
    "youcook2": ("youcook2", youcook2, (2, 4)),
    "tvr": ("tvr", tvr, (2, 2)),
    "tvqa": ("tvqa", tvqa, (3, 3)),
    "voxceleb1": ("voxceleb1", voxceleb1, (2, 3)),
    "voxceleb2": ("voxceleb2", voxceleb2, (2, 2)),
    "crema-d": ("crema-d", cremad, (2, 2)),
    "ravdess": ("ravdess", ravdess, (2, 2)),
}
"""Name of a tree -> its layout, what makes it, and items used and expected."""
