from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx_std.corpora import tables
from mmx_std.corpora.tables import read_table


def test_json_lines_keep_their_numbers_and_faults_do_not_stop(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"id": "a", "label": "cat", "text": ""}\r\n'
        b"\n"
        b'{"id": "b", \n'
        b"[1, 2]\n"
        b'{"id": "\xff"}\n' + b"[" * 100_000 + b"\n"
        b'{"id": "c", "text": "a\xe2\x80\xa8b", "label": null}'
    )
    table = read_table(path)
    assert [(row.line, row.values) for row in table.rows] == [
        (1, {"id": "a", "label": "cat"}),
        (7, {"id": "c", "text": "a\u2028b"}),
    ]
    assert table.columns == ["id", "label", "text"]
    assert [fault.line for fault in table.faults] == [3, 4, 5, 6]
    assert "not JSON" in table.faults[0].message
    assert "object" in table.faults[1].message
    assert "UTF-8" in table.faults[2].message
    assert str(table.faults[2]) == "line 5: is not UTF-8"


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".csv", "\t")])
def test_csv_with_any_separator(tmp_path: Path, suffix: str, mark: str) -> None:
    path = tmp_path / f"m{suffix}"
    lines = [
        ["id", "text", "label"],
        ["a", f'"one{mark} two\nthree"', "cat"],
        ["b", "x"],
        ["", "", ""],
        ["c", "", "dog"],
    ]
    path.write_text("\n".join(mark.join(cells) for cells in lines) + "\n")
    table = read_table(path)
    assert [(row.line, row.values) for row in table.rows] == [
        (2, {"id": "a", "text": f"one{mark} two\nthree", "label": "cat"}),
        (6, {"id": "c", "label": "dog"}),
    ]
    assert [str(fault) for fault in table.faults] == ["line 4: has 2 cells under 3 columns"]


def test_a_quote_that_never_closes_is_a_fault_where_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('id,text\na,good\nb,"open\nc,never read\n')
    table = read_table(path)
    assert [row.values["id"] for row in table.rows] == ["a"]
    assert [fault.line for fault in table.faults] == [3]


def test_files_that_are_no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no such file; .*mmx data check"):
        read_table(tmp_path / "m.jsonl")
    with pytest.raises(DataError, match=r"\.jsonl, \.ndjson, \.csv"):
        read_table(tmp_path / "m.xlsx")
    (tmp_path / "e.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="no rows"):
        read_table(tmp_path / "e.jsonl")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "folder.csv")
    monkeypatch.setattr(tables, "MAX_BYTES", 5)
    (tmp_path / "big.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(DataError, match="larger than"):
        read_table(tmp_path / "big.jsonl")


def test_lines_beyond_the_limit_are_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LINE", 30)
    (tmp_path / "m.jsonl").write_text('{"id": "a"}\n{"id": "' + "b" * 30 + '"}\n{"id": "c\\u0000"}\n')
    table = read_table(tmp_path / "m.jsonl")
    assert [fault.line for fault in table.faults] == [2]
    assert len(table.rows) == 2


def test_half_of_a_character_is_a_fault_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(r"""{"id": "\ud83d\ude00"}""" + "\n" + r"""{"id": "\ud800"}""" + "\n")
    found = read_table(tmp_path / "m.jsonl")
    assert [row.values for row in found.rows] == [{"id": "\N{GRINNING FACE}"}]
    assert [str(fault) for fault in found.faults] == ["line 2: holds half of a character (\\ud800 to \\udfff)"]
