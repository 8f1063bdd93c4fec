"""Signals: deferred inside the loop, raised outside it, and at once the second time."""

from __future__ import annotations

import os
import signal

import pytest

from mmx.support.signals import Interrupt, Interrupted, interruption


def test_a_first_signal_is_only_kept_while_deferred() -> None:
    interrupt = Interrupt()
    with interrupt.handled(), interrupt.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.number == signal.SIGTERM


@pytest.mark.parametrize("after", [0.0, 0.9])
def test_a_second_signal_that_follows_closely_is_the_same_wish(after: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """`timeout` sends its signal to the process and to the process group."""
    now = [100.0]
    monkeypatch.setattr("mmx.support.signals.time.monotonic", lambda: now[0])
    interrupt = Interrupt()
    with interrupt.handled(), interrupt.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        now[0] += after
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.number == signal.SIGTERM
        now[0] += 0.2  # the first one counts, not the last one
        if after:
            with pytest.raises(Interrupted):
                os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_signal_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("mmx.support.signals.time.monotonic", lambda: now[0])
    interrupt = Interrupt()
    with interrupt.handled(), interrupt.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        now[0] += 1.1
        with pytest.raises(Interrupted) as caught:
            os.kill(os.getpid(), signal.SIGINT)
    assert caught.value.exit_code == 130


def test_outside_the_loop_a_signal_raises() -> None:
    interrupt = Interrupt()
    with interrupt.handled(), pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143


def test_outside_the_loop_the_same_wish_is_raised_once() -> None:
    interrupt = Interrupt()
    with interrupt.handled():
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # the run is being put away


def test_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt().handled():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_is_found_behind_the_errors_that_others_make_of_it() -> None:
    stop = Interrupted(signal.SIGTERM)
    first, second = ImportError("initialization failed"), RuntimeError("cannot draw")
    first.__cause__, second.__context__ = stop, first
    assert interruption(second) is interruption(stop) is stop
    assert interruption(ValueError()) is None
    first.__cause__ = second  # a circle
    assert interruption(second) is None
