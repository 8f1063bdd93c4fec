from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

import mmx_std
from mmx.cli import main
from mmx.cli.data import command
from mmx.errors import DataError, UserError
from mmx.registry.registry import Registrar, Registry
from tests.plugins.mmx_std.corpora.imports.trees import esc50

Call = Callable[..., Result]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    registry = Registry()
    mmx_std.mmx_register(Registrar(registry, "std", "mmx 0"))
    monkeypatch.setattr("mmx.cli.data.open_plugins", lambda ctx: SimpleNamespace(registry=registry))
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", np.full(800, 0.1 * ord(name) / 100, np.float32), 8000)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command, arguments)

    return run


def test_a_clean_file_says_what_to_run_next(call: Call, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("audio,label,split\na.wav,x,train\nb.wav,y,train\nc.wav,x,test\n")
    result = call("check", "m.csv")
    assert result.exit_code == 0
    assert "m.csv: 3 of 3 rows can be used" in result.output
    assert "corpus.use=std/manifest corpus.path=m.csv" in result.output


def test_problems_are_listed_and_end_as_a_users_mistake(call: Call, tmp_path: Path) -> None:
    rows = "".join(f"gone{i}.wav,x\n" for i in range(5))
    (tmp_path / "m.csv").write_text("recording,label\na.wav,x\n\x1b[31m.wav,x\n" + rows)
    result = call("check", "m.csv", "--field", "audio=recording", "--limit", "3")
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == "m.csv: 6 problems, the first 3 above; all: --limit 6"
    assert "line 3: audio" in result.output
    assert "line 6" not in result.output
    assert "\x1b" not in result.output


def test_pack_writes_shards(call: Call, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("audio,label,split\na.wav,x,train\nb.wav,y,train\nc.wav,x,test\n")
    result = call("pack", "m.csv", "out", "--size", "1")
    assert result.exit_code == 0
    assert "3 shards; use them: mmx run NAME corpus.use=std/shards corpus.path=out" in result.output
    assert len(list((tmp_path / "out").glob("*.tar"))) == 3


@pytest.mark.parametrize("field", ["audio", "=x", "audio="])
def test_a_field_is_a_pair(call: Call, field: str) -> None:
    result = call("check", "m.csv", "--field", field)
    assert isinstance(result.exception, UserError)
    assert "NAME=COLUMN" in str(result.exception)


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, mmx.cli.data; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("worlds/shapes", "clips=20", "--items", "1"), 0, "train 20, val 300"),
        (("worlds/shapes", "corpus.clips=20", "--items", "1"), 0, "'a "),
        (("worlds/shapes", "--split", "novel", "--items", "1"), 0, "novel 0: novel-"),
        (("worlds/shapes", "--split", "novle"), 2, "novle"),
        (("soundnet", "corpus.clips=4", "--items", "1"), 0, "licence"),
        (("worlds/shapes", "klips=20"), 2, "has no parameter 'klips'; did you mean 'clips'?"),
        (("worlds/shaps",), 2, "no corpus 'worlds/shaps'"),
        (("nowhere",), 2, "no corpus 'nowhere'"),
    ],
)
def test_what_a_corpus_holds(
    arguments: tuple[str, ...], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "show", *arguments]) == code
    out, err = capsys.readouterr()
    assert told in out + err
    assert code == 0 or (err.startswith("error: ") and "Traceback" not in err)


def test_import_lists_layouts_and_writes_a_manifest(call: Call, tmp_path: Path) -> None:
    listed = call("import")
    assert listed.exit_code == 0
    assert "esc50            ESC-50: meta/esc50.csv, audio/*.wav" in listed.output
    assert "CC BY-NC 3.0; https://github.com/karolpiczak/ESC-50" in listed.output
    with pytest.raises(UserError, match=r"needs the data's folder and a file to write"):
        CliRunner().invoke(command, ["import", "esc50"], catch_exceptions=False)
    esc50(tmp_path / "esc")
    done = call("import", "esc50", str(tmp_path / "esc"), str(tmp_path / "esc" / "m.jsonl"))
    assert done.exit_code == 0
    assert "m.jsonl: 2 of 3 items have their files; the whole set has 2,000" in done.output
    assert "splits (fold 5 is test): test 1, train 1" in done.output
    assert "allow_outside" not in done.output
    checked = call("check", str(tmp_path / "esc" / "m.jsonl"))
    assert "2 of 2 rows can be used" in checked.output
