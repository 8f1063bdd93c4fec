from __future__ import annotations

from mmx_worlds.real import index
from mmx_worlds.real.images import KINDS, Images
from mmx_worlds.real.subjects import SUBJECT_OF, SUBJECTS, subject_of


def test_photos_have_subjects() -> None:
    found: dict[int, int] = {}
    for sample in Images().split("all"):
        subject = sample.targets["subject"]
        assert subject == -1 or KINDS[sample.targets["kind"]] == "photo"
        found[subject] = found.get(subject, 0) + 1
    assert set(found) == {-1, *range(len(SUBJECTS))}
    assert 210 - 15 < sum(count for subject, count in found.items() if subject >= 0) <= 210
    labels = {media.label for media in index.of_kind("photo")}
    assert set(SUBJECT_OF) <= labels, "no label is misspelt"
    assert SUBJECTS[subject_of(index.lookup("photos/253_earth.webp"))] == "planet"
