"""Signals: deferred inside the loop, raised outside it, and at once the second time."""

from __future__ import annotations

import os
import signal

import pytest

from mmx.support.signals import Interrupt, Interrupted


def test_a_first_signal_is_only_kept_while_deferred() -> None:
    interrupt = Interrupt()
    with interrupt.handled(), interrupt.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.number == signal.SIGTERM


def test_a_second_signal_leaves_at_once() -> None:
    interrupt = Interrupt()
    with interrupt.handled(), interrupt.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted) as caught:
            os.kill(os.getpid(), signal.SIGINT)
    assert caught.value.exit_code == 130


def test_outside_the_loop_a_signal_raises() -> None:
    interrupt = Interrupt()
    with interrupt.handled(), pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143


def test_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt().handled():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
