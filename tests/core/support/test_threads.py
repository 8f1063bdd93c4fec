"""Threads: every limit wins over the wish, and what waits does not spin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmx.support import threads

NOWHERE = Path("nowhere")


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def test_a_wish_within_the_limits_is_granted() -> None:
    assert str(threads.choose(2, 8, {}, NOWHERE)) == "2 threads (settings.threads=2)"
    assert str(threads.choose(1, 8, {}, NOWHERE)) == "1 thread (settings.threads=1)"


def test_without_a_wish_torch_chooses_within_the_limits() -> None:
    assert str(threads.choose(None, 4, {}, NOWHERE)) == "4 threads (torch's own choice)"
    assert str(threads.choose(None, 16, {}, NOWHERE)) == "8 threads (8 cores)"


def test_the_environment_limits_the_wish() -> None:
    found = threads.choose(4, 8, {"OMP_NUM_THREADS": "1"}, NOWHERE)
    assert str(found) == "1 thread (settings.threads=4, limited by OMP_NUM_THREADS=1)"
    assert threads.choose(4, 8, {"OMP_NUM_THREADS": "3,2"}, NOWHERE).count == 3
    assert threads.choose(4, 8, {"OMP_NUM_THREADS": "many"}, NOWHERE).count == 4


def test_affinity_limits_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert (
        str(threads.choose(2, 8, {}, NOWHERE)) == "1 thread (settings.threads=2, limited by affinity to 1 of 8 cores)"
    )


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({"": "max 100000"}, None),
        ({"": "150000 100000"}, 1.5),
        ({"": "max 100000", "jobs": "400000 100000", "jobs/one": "200000 100000"}, 2.0),
        ({"jobs": "torn"}, None),
    ],
)
def test_quotas_of_version_two(tmp_path: Path, quotas: dict[str, str], cores: float | None) -> None:
    for group, text in quotas.items():
        (tmp_path / "groups" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / group / "cpu.max").write_text(text + "\n")
    (tmp_path / "own").write_text("0::/jobs/one\n")
    assert threads.cgroup_cores(tmp_path / "groups", tmp_path / "own") == cores


def test_quotas_of_version_one(tmp_path: Path) -> None:
    group = tmp_path / "cpu" / "jobs"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("300000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "own").write_text("5:memory:/jobs\n4:cpu,cpuacct:/jobs\n")
    assert threads.cgroup_cores(tmp_path, tmp_path / "own") == 3.0
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert threads.cgroup_cores(tmp_path, tmp_path / "own") is None


def test_a_quota_below_one_core_is_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cgroup_cores", lambda root: 0.5)
    assert threads.choose(4, 8, {}).count == 1


def test_who_has_said_how_to_wait_is_obeyed() -> None:
    for said in ({"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}, {"KMP_BLOCKTIME": "0"}):
        environ = dict(said)
        threads.wait_politely(environ)
        assert environ == said
        assert threads.waiting(environ) == "=".join(*said.items())
    environ = {}
    assert threads.waiting(environ) == "the library's own way of waiting"
    threads.wait_politely(environ)
    assert environ == {"OMP_WAIT_POLICY": "PASSIVE"}


_PROBE = """
import os, sys
from mmx.cli import main
assert "torch" not in sys.modules
main(["--version"])
assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and "torch" not in sys.modules
"""


def test_the_command_line_sets_it_before_torch_is_imported() -> None:
    environ = {name: value for name, value in os.environ.items() if name not in threads.WAITING}
    subprocess.run([sys.executable, "-c", _PROBE], env=environ, check=True, capture_output=True, timeout=280)
