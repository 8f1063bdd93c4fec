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
    assert str(table.faults[2]) == "line 5: is not UTF-8; save the file as UTF-8"


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
    path.write_text('id,text\na,good\nb,"open\nc,read\n')
    table = read_table(path)
    assert [row.values["id"] for row in table.rows] == ["a", "c"]
    assert [str(fault) for fault in table.faults] == ["line 3: is not CSV: a quote opens and is not closed"]


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


def test_reading_goes_on_after_every_bad_record(tmp_path: Path) -> None:
    lines = ["id,text"] + [f"{i},fine" for i in range(100)]
    lines[11], lines[31], lines[51], lines[71] = '10,"a" b', '30,"open', "50,x,y", '70,"closes here"'
    path = tmp_path / "m.csv"
    path.write_text("\n".join(lines))
    table = read_table(path)
    bad = {10, 30, 50}
    assert [row.values["id"] for row in table.rows] == [str(i) for i in range(100) if i not in bad]
    assert [row.line for row in table.rows] == [i + 2 for i in range(100) if i not in bad]
    assert [fault.line for fault in table.faults] == [12, 32, 52]


def test_a_quote_that_swallows_lines_loses_only_its_own(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('id,text\na,"open\nb,fine\nc,fine\nd,x "y", z\ne,fine\n')
    table = read_table(path)
    assert [row.values["id"] for row in table.rows] == ["b", "c", "e"]
    assert [fault.line for fault in table.faults] == [2, 5]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_quote_that_another_row_closes_swallows_nothing(tmp_path: Path, mark: str) -> None:
    rows = [[f"text {number}", "x"] for number in range(12)]
    rows[2][0], rows[9][0] = '"open', 'the 5"'
    path = tmp_path / ("rows.tsv" if mark == "\t" else "rows.csv")
    path.write_text("\n".join(mark.join(row) for row in [["text", "label"], *rows]))
    table = read_table(path)
    if mark == "\t":  # quotes as they stand
        assert [row.values["text"] for row in table.rows] == [text for text, _ in rows]
    else:
        assert [row.line for row in table.rows] == [number for number in range(2, 14) if number != 4]
        assert [str(fault) for fault in table.faults] == [
            "line 4: is not CSV: a quote opens and closes only in line 11"
        ]


def test_texts_of_several_lines_are_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "poems.csv"
    path.write_text('text,label\n"so, it\ngoes, on",x\n"first\nsecond\nthird, and\nlast",y\n')
    assert [row.values["text"].count("\n") for row in read_table(path).rows] == [1, 3]


def test_one_cell_beyond_all_limits_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"text,label\n{'y ' * 100_000},x\n{'z' * tables.MAX_LINE},x\nshort,x\n")
    table = read_table(path)
    assert [row.line for row in table.rows] == [2, 4]
    assert [fault.line for fault in table.faults] == [3]


def test_quotes_of_a_tab_separated_file_may_be_meant_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    rows = ['"Stop!" she said\tx', "plain\ty", '"open\tx', '"quoted, tab\tinside"\ty', 'last "one"\tx']
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    table = read_table(path)
    texts = ['"Stop!" she said', "plain", '"open', "quoted, tab\tinside", 'last "one"']
    assert [row.values["text"] for row in table.rows] == texts
    assert not table.faults


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "m.csv"
    text = "text\tlabel\nwörter\tx\n"
    path.write_bytes((text if encoding == "utf-16" else "\ufeff" + text).encode(encoding))
    assert [row.values for row in read_table(path).rows] == [{"text": "wörter", "label": "x"}]


def test_the_separator_is_that_of_the_rows(tmp_path: Path) -> None:
    for name, mark in (("m.tsv", "\t"), ("m.csv", "\t"), ("m.csv", ";")):
        path = tmp_path / name
        head = mark.join(["text", "label", "notes, remarks, and, more"])
        path.write_text(head + "\n" + f"a{mark}b{mark}c\n" * 5)
        assert read_table(path).columns == ["text", "label", "notes, remarks, and, more"]


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,label,label\na,b,c\n")
    with pytest.raises(DataError, match="line 1: column 'label' is there twice, as 2 and 3"):
        read_table(path)
    path.write_text("text,,\na,,\n")
    assert len(read_table(path).rows) == 1
    lines = tmp_path / "m.jsonl"
    lines.write_text('{"text": "a", "text": "b"}\n{"text": "c"}\n')
    table = read_table(lines)
    assert [str(fault) for fault in table.faults] == ["line 1: key 'text' is there twice"] and len(table.rows) == 1


def test_nan_of_json_is_missing_and_the_word_is_a_word(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"text": "a", "label": NaN, "start": NaN}\n{"text": "b", "label": "nan"}\n')
    assert [row.values for row in read_table(path).rows] == [{"text": "a"}, {"text": "b", "label": "nan"}]
    table = tmp_path / "m.csv"
    table.write_text("text,label\na,nan\nb,\n")
    assert [row.values for row in read_table(table).rows] == [{"text": "a", "label": "nan"}, {"text": "b"}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("suffix", "written"),
    [
        (".csv", "text,label\nwörter,a\n"),
        (".csv", "text;label\r\nwörter;a\r\n"),
        (".csv", "sep=;\ntext;label\nwörter;a\n"),
        (".csv", "text|label\nwörter|a\n"),
        (".csv", "text,label\nwörter,a,,\n"),
        (".tsv", "text\tlabel\nwörter\ta\n"),
        (".tsv", "text,label\nwörter,a\n"),
        (".jsonl", '{"text": "wörter", "label": "a"}\n'),
    ],
)
def test_tables_as_other_tools_write_them(tmp_path: Path, encoding: str, suffix: str, written: str) -> None:
    path = tmp_path / f"table{suffix}"
    path.write_bytes(written.encode(encoding))
    table = read_table(path)
    assert [dict(row.values) for row in table.rows] == [{"text": "wörter", "label": "a"}]
    assert not table.faults


def test_other_kinds_of_tables_are_told_how_to_become_one(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        DataError, match=r"read_parquet\('t.parquet'\).to_json\('t.jsonl', orient='records', lines=True\)"
    ):
        read_table(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_bytes(b"PK\x03\x04 of Excel")
    with pytest.raises(DataError, match=r"t\.csv: is an Excel file and no text; write it as CSV in UTF-8"):
        read_table(tmp_path / "t.csv")
