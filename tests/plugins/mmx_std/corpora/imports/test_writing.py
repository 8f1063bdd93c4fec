from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import DataError, UserError
from mmx_std.corpora.imports.writing import LAYOUTS, import_layout
from mmx_std.corpora.manifest import Manifest
from tests.plugins.mmx_std.corpora.imports.trees import TREES


@pytest.mark.parametrize("tree", TREES)
def test_every_layout_becomes_a_manifest_that_is_read(tree: str, tmp_path: Path) -> None:
    layout, make, counts = TREES[tree]
    make(tmp_path)
    done = Manifest.import_layout(layout, str(tmp_path), str(tmp_path / "out.jsonl"))
    assert (done.used, done.expected) == tuple(counts)
    assert not done.outside
    fields = {"queries": "queries"} if tree == "tvr" else {}
    corpus = Manifest(path=str(tmp_path / "out.jsonl"), fields=fields, val=0, test=0)
    assert (corpus.used, list(corpus.broken)) == (done.used, [])
    written = {split: count for split, count in done.splits.items() if split}
    for split, count in written.items():
        assert len(corpus.split(split)) == count
    for sample in corpus.split("train"):
        assert all(value is not None for value in dict(sample.fields).values())


def test_every_layout_has_a_tree_a_licence_and_a_page() -> None:
    assert {layout for layout, _, _ in TREES.values()} == set(LAYOUTS)
    assert len(LAYOUTS) >= 16
    for layout in LAYOUTS.values():
        assert layout.licence
        assert layout.page.startswith("http")


def test_paths_lead_from_where_the_manifest_is(tmp_path: Path) -> None:
    TREES["esc50"][1](tmp_path / "data")
    done = import_layout("esc50", tmp_path / "data", tmp_path / "lists" / "esc.jsonl")
    assert done.outside
    with pytest.raises(DataError, match="allow_outside"):
        Manifest(path=str(tmp_path / "lists" / "esc.jsonl"))
    corpus = Manifest(path=str(tmp_path / "lists" / "esc.jsonl"), allow_outside=True)
    assert corpus.split("test")[0].fields["audio"].rate == 8000


def test_what_cannot_be_imported_is_told_in_a_line(tmp_path: Path) -> None:
    TREES["esc50"][1](tmp_path)
    with pytest.raises(UserError, match=r"no layout 'esc-50'.*esc50"):
        import_layout("esc-50", tmp_path, tmp_path / "o.jsonl")
    with pytest.raises(UserError, match=r"\.jsonl"):
        import_layout("esc50", tmp_path, tmp_path / "o.csv")
    with pytest.raises(DataError, match=r"holds no vggsound\.csv"):
        import_layout("vggsound", tmp_path, tmp_path / "o.jsonl")
    with pytest.raises(DataError, match="no such folder"):
        import_layout("vggsound", tmp_path / "none", tmp_path / "o.jsonl")
    (tmp_path / "o.jsonl").write_text("")
    with pytest.raises(UserError, match="is there already"):
        import_layout("esc50", tmp_path, tmp_path / "o.jsonl")
    for file in (tmp_path / "audio").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="none of the 3 items of ESC-50 has its file"):
        import_layout("esc50", tmp_path, tmp_path / "p.jsonl")
    (tmp_path / "captions_train.json").write_text('{"images": []}')
    with pytest.raises(DataError, match=r"is not laid out as COCO captions is .*key 'annotations'"):
        import_layout("coco-captions", tmp_path, tmp_path / "p.jsonl")
