"""What is shown: loss beside chance, speed, an ETA, warnings; and that markup in names is text."""

from __future__ import annotations

import errno
import io

import pytest
from rich.console import Console

from mmx.runs.progress import Live, Plain, Quiet, Remaining, describe, eta, track


def test_numbers_show_the_loss_beside_chance() -> None:
    values = {"loss": 3.21987, "items_per_second": 512.4, "lr": 0.1}
    assert describe(values, 6.907755) == "loss 3.22 (chance 6.908)  512 items/s"
    assert describe({"loss": 1.0}, None) == "loss 1"


def test_plain_lines_carry_an_eta(capsys: pytest.CaptureFixture[str]) -> None:
    with Plain(every=0.0) as shown:
        shown.begin("distill", 0, 10)
        shown.step(5)
        shown.numbers({"loss": 2.0}, 4.0)
        shown.end()
        shown.warn("stuck")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "distill: 0 of 10"
    assert "distill: 5 of 10  eta 0 s  loss 2 (chance 4)" in lines
    assert lines[-2].startswith("distill: done in ")
    assert lines[-1] == "warning: stuck"


def test_plain_resumes_and_counts_from_there(capsys: pytest.CaptureFixture[str]) -> None:
    with Plain(every=0.0) as shown:
        shown.begin("distill", 4, 10)
        shown.numbers({"loss": 2.0}, None)
        shown.end()
    assert capsys.readouterr().err.splitlines()[:2] == ["distill: from 4 of 10", "distill: 4  loss 2"]


def test_quiet_shows_only_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with Quiet() as shown:
        assert list(track(shown, [1, 2, 3], "reading")) == [1, 2, 3]
        shown.say("hello")
        shown.warn("careful")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "warning: careful\n"


def test_live_bars_show_names_as_text_not_markup() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Live(console) as shown:
        assert list(track(shown, range(3), "[red]x[/red]")) == [0, 1, 2]
        shown.say("[bold]text[/bold]")
    assert isinstance(console.file, io.StringIO)
    assert "[red]x[/red]" in console.file.getvalue()
    assert "[bold]text[/bold]" in console.file.getvalue()


def test_the_time_that_is_left_is_of_all_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("mmx.runs.progress.time.perf_counter", lambda: now[0])
    left = Remaining()
    left.plan([("first", 10), ("second", 30), ("third", 5)])
    left.begin("first", 2, 10)
    assert left.seconds(2) is None
    now[0] = 104.0
    assert left.seconds(4) == pytest.approx((6 + 35) * 2.0)
    left.begin("third", 0, 5)
    now[0] = 105.0
    assert left.seconds(1) == pytest.approx(4.0)
    left.begin("judging", 0, None)
    assert left.seconds(1) is None
    assert [eta(seconds) for seconds in (None, 4.4, 89.0, 200.2)] == ["", "eta 4 s", "eta 89 s", "eta 3 min 20 s"]


def test_plain_lines_tell_the_time_of_the_whole_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("mmx.runs.progress.time.perf_counter", lambda: now[0])
    with Plain(every=0.0) as shown:
        shown.plan([("fit", 10), ("probe", 90)])
        shown.begin("fit", 0, 10)
        now[0] = 101.0
        shown.step(5)
    assert "fit: 5 of 10  eta 19 s\n" in capsys.readouterr().err


def test_text_of_strangers_is_no_control_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with Live(Console(file=stream, force_terminal=True, width=100)) as live:
        live.warn("a\x1b[2Jb")
        live.say("[bold]\x1b]0;c\x07")
    Plain().say("a\x1b[2Jb")
    Quiet().warn("a\x1b[2Jb")
    assert r"a\x1b[2Jb" in stream.getvalue() and r"[bold]\x1b]0;c\x07" in stream.getvalue()
    assert capsys.readouterr().err.splitlines() == [r"a\x1b[2Jb", r"warning: a\x1b[2Jb"]


@pytest.mark.parametrize("display", [Plain, Quiet])
def test_a_terminal_that_went_away_ends_nothing(display: type[Plain | Quiet], monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    display().warn("a")


def test_a_bar_begins_where_the_terminal_was_closed() -> None:
    class Terminal(io.StringIO):
        gone = False

        def write(self, text: str) -> int:
            if self.gone:
                raise OSError(errno.EIO, "Input/output error")
            return super().write(text)

    terminal = Terminal()
    with Live(Console(file=terminal, force_terminal=True)) as live:
        terminal.gone = True
        live.begin("judging", 0, 3)
        live.step(1)
        live.end()
