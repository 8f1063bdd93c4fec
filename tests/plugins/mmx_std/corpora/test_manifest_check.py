from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmx_std.corpora.manifest import Manifest


def test_facts_about_a_clean_manifest(media: Path, write_rows: Callable[..., str]) -> None:
    rows = [
        {"audio": "low.wav", "image": "red.png", "text": "low", "label": "low", "split": "train"},
        {"audio": "high.wav", "image": "blue.png", "label": "high", "split": "train"},
        {"audio": "video.mp4", "label": "high", "split": "test", "mood": "calm"},
    ]
    findings = Manifest.check(write_rows(media / "m.jsonl", rows))
    assert findings.problems == []
    facts = "\n".join(findings.facts)
    assert "m.jsonl: 3 of 3 rows can be used" in facts
    assert "splits (written in the file): test 1, train 2" in facts
    assert "field audio (audio): 3 of 3 items, 0.10 to 1." in facts
    assert "field image (image): 2 of 3 items, 4x4 to 8x6 pixels" in facts
    assert "field text (text): 1 of 3 items" in facts
    assert "target label: 2 classes\n" in facts
    assert "  high: test 1, train 1" in facts
    facts = Manifest.check(write_rows(media / "m.jsonl", [*rows, {"audio": "low.wav", "split": "train"}])).facts
    assert "target label: 2 classes; 1 of 4 items have none" in facts


def test_problems_have_line_numbers(media: Path, write_rows: Callable[..., str]) -> None:
    (media / "copy.wav").write_bytes((media / "high.wav").read_bytes())
    rows = [
        {"audio": "high.wav", "label": "high", "split": "train", "group": "tape"},
        {"audio": "copy.wav", "label": "hihg", "split": "test", "group": "other", "captoin": "x"},
        {"audio": "low.wav", "label": "high", "split": "val", "group": "tape"},
        {"audio": "gone.wav", "label": "high", "split": "val"},
    ]
    findings = Manifest.check(write_rows(media / "m.jsonl", rows))
    problems = findings.problems
    text = "\n".join(problems)
    assert "line 4: audio" in text
    assert "the same group 'tape' is in train (line 1) and val (line 3)" in text
    assert "the same file is in test (line 2) and train (line 1)" in text
    assert "line 2: label 'hihg' does not occur in train; did you mean 'high'?; it counts as unknown in test" in text
    assert len(problems) == 4
    assert findings.notes == ["note: column 'captoin' is not used; did you mean 'caption'?"]


def test_every_file_is_decoded_to_its_end(media: Path, write_rows: Callable[..., str]) -> None:
    """Sound that is not a number, long after what the opening looks at."""
    samples = np.zeros(8000, np.float32)
    samples[7000] = np.nan
    soundfile.write(media / "nan.wav", samples, 8000, subtype="FLOAT")
    path = write_rows(media / "m.jsonl", [{"audio": "low.wav"}, {"audio": "nan.wav"}])
    findings = Manifest.check(path)
    assert [problem for problem in findings.problems if problem.startswith("line 2: audio") and "not finite" in problem]
    assert findings.facts[0] == "m.jsonl: 1 of 2 rows can be used"


def test_many_labels_outside_train_are_summed_up(media: Path, write_rows: Callable[..., str]) -> None:
    rows = [{"text": "x", "label": "known", "split": "train"}]
    rows += [{"text": "x", "label": f"number {i}", "split": "test"} for i in range(9)]
    problems = Manifest.check(write_rows(media / "m.jsonl", rows)).problems
    assert len(problems) == 4
    assert problems[-1] == "and 6 more classes of label do not occur in train"


def test_faults_of_subtitles_have_the_line_of_their_item(media: Path, write_rows: Callable[..., str]) -> None:
    (media / "late.srt").write_bytes(
        "00:00:00,000 --> 00:00:01,000\nfrüh\n\n00:01:00,000 --> 00:01:01,000\nx".encode("latin-1")
    )
    rows = [
        {"video": "video.mp4", "subtitles": "video.srt"},
        {"video": "video.mp4", "start": 0.5, "subtitles": "video.srt"},
        {"video": "video.mp4", "subtitles": "late.srt"},
        {"audio": "low.wav", "subtitles": [{"start": 0.05, "end": 0.01, "text": "x"}]},
    ]
    findings = Manifest.check(write_rows(media / "m.jsonl", rows))
    told = [problem for problem in findings.problems if "subtitles" in problem]
    assert told == [
        "line 3: subtitles: is not Unicode; read as Windows-1252",
        "line 3: subtitles: 1 of 2 subtitles begin after the video's end at 1.0 s (the first at 60.0 s)",
        "line 4: subtitles: end is not after start: left out (subtitle 1)",
    ]
    assert "note: line 1: subtitles: begins before an earlier one ends (line 6)" in findings.notes
    assert "field subtitles (cues): 4 of 4 items, 6 subtitles, the last ends at 61.00 s" in findings.facts


def test_subtitles_in_a_row_are_noted_as_those_in_a_file(media: Path, write_rows: Callable[..., str]) -> None:
    cues = [{"start": 0, "end": 2, "text": "one"}, {"start": 1, "end": 3, "text": "two"}]
    path = write_rows(media / "m.jsonl", [{"text": "a", "subtitles": cues}])
    for _ in range(2):  # the second time from the cache of what opening gave
        findings = Manifest.check(path)
        assert findings.problems == []
        assert findings.notes == ["note: line 1: subtitles: begins before an earlier one ends (subtitle 2)"]


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        (["train"], "no split 'val' and no 'test': it can"),
        (["train", "val"], "no split 'test': it can"),
        (["train", "test"], ""),
        (["test"], ""),
        ([""], ""),
    ],
)
def test_a_table_with_nothing_to_judge_on_is_noted(tmp_path: Path, splits: list[str], told: str) -> None:
    path = tmp_path / "only.csv"
    rows = [f"word {number},{'ab'[number // 4 % 2]},{splits[number % len(splits)]}" for number in range(16)]
    path.write_text("text,label,split\n" + "\n".join(rows) + "\n")
    findings = Manifest.check(str(path))
    assert not findings.problems
    assert [note for note in findings.notes if "to judge on" in note] == [
        note for note in findings.notes if told and note.startswith(f"note: {told}")
    ]
    assert bool(findings.notes) == bool(told)


def test_people_who_are_unseen_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    rows = [f"word {i},p{i % 4},{'train' if i % 4 < 2 else 'test'},ab"[:-2] + "ab"[i % 2] for i in range(16)]
    path.write_text("text,label_person,split,label\n" + "\n".join(rows) + "\n")
    found = Manifest.check(str(path))
    assert not found.problems
    assert len(found.notes) == 1 and "no person of train is in another split" in found.notes[0]
    path.write_text(path.read_text() + "word,p1,test,aa\n")
    found = Manifest.check(str(path))
    assert not found.notes
    assert any("person 'p2' does not occur in train" in line for line in found.problems)
    assert any("label 'aa' does not occur in train" in line for line in found.problems)


def test_columns_of_files_that_no_field_reads_are_noted(media: Path, write_rows: Callable[..., str]) -> None:
    rows = [{"text": "a", "voice": "low.wav", "queries": [{"start": 0, "end": 1, "text": "x"}], "mood": "a.b"}] * 2
    path = write_rows(media / "m.jsonl", rows)
    findings = Manifest.check(path)
    assert findings.problems == []
    assert [note.split(" holds")[0] for note in findings.notes] == ["note: column 'voice'", "note: column 'queries'"]
    assert "--field voice=voice (in a run: corpus.fields.voice=voice)" in findings.notes[0]
    assert Manifest.check(path, fields={"voice": "voice", "queries": "queries"}).notes == []


def test_classes_that_may_be_one_are_noted_and_letters_are_composed(tmp_path: Path) -> None:
    """An é of two characters is the same class; two cases, a number with a point, and joined classes are told."""
    rows = ("café,\"['x', 'y']\"", "cafe\u0301,x", 'Dog,"x,y"', "dog,y", "7,[]", '7.0,"[""x"", ""y""]"')
    path = tmp_path / "t.csv"
    path.write_text("text,label,labels,split\n" + "".join(f"a,{row},train\n" for row in rows))
    manifest = Manifest(path=str(path))
    assert [item.labels["labels"] for item in manifest.items] == [("x", "y"), ("x",), ("x,y",), ("y",), (), ("x", "y")]
    assert manifest.targets["label"] == ("7", "7.0", "Dog", "café", "dog")
    assert Manifest.check(str(path)).notes[-3:] == [
        "note: label 'Dog' and 'dog' are two classes",
        "note: label '7' and '7.0' are two classes",
        "note: labels 'x,y' is one class; several are joined by ;",
    ]
