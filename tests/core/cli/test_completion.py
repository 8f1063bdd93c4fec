"""`mmx completion`: scripts for three shells, and what they offer."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.cli import main
from tests.core.saved import saved


def offered(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    words = line.split(" ")
    monkeypatch.setenv("_MMX_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit):
        main([])
    return [each.partition(",")[2] for each in capsys.readouterr().out.splitlines() if each]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_mmx(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert f"_MMX_COMPLETE={shell}_complete" in text.replace('"', "")
    assert text.startswith("# to keep it: mmx completion")


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("mmx ru", ["run", "runs"]),
        ("mmx run soundn", ["soundnet"]),
        ("mmx show std/conv2", ["std/conv2d"]),
        ("mmx run soundnet --preset s", ["smoke", "small", "shuffled", "scenes-only"]),
        ("mmx run soundnet settings.se", ["settings.seed="]),
        ("mmx predict lat", ["latest"]),
        ("mmx predict sha", ["shapes"]),
        ("mmx open 2026", ["20260101-1"]),
        ("mmx compare be", ["best"]),
        ("mmx run nothing xyz", []),
    ],
)
def test_names_are_completed(
    line: str,
    some: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (saved(tmp_path / "runs" / "shapes" / "20260101-1") / "tags.txt").write_text("best\n")
    found = offered(line, monkeypatch, capsys)
    assert found[: len(some)] == some
    if not some:
        assert found == []
