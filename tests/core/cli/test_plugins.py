"""`mmx plugins` with every fault at once: each is a line, none stops it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core.distributions import HEALTHY, install, python

HOOK = "from mmx import hookimpl\n@hookimpl\n"
REGISTER = HOOK + "def mmx_register(registry):\n    "
BROKEN = {
    "raises": ("1 / 0", "broken", "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(7)", "broken", "sys.exit(7)"),
    "needs": ("import nowhere_to_be_found", "broken", "pip install nowhere_to_be_found"),
    "misspelt": (HOOK + "def mmx_registre(registry): ...", "broken", "did you mean 'mmx_register'"),
    "argument": (HOOK + "def mmx_run_end(stat): ...", "broken", "no argument 'stat'"),
    "newer": ("MMX_API = 2", "wrong api", "plugin API 2"),
    "twice": (REGISTER + "[registry.head('twice/x', 'a:b') for _ in '12']", "collision", "registered twice"),
    "shadow": (HOOK + "def mmx_commands(commands): commands.add('run', 'a:b', '')", "collision", "shadow"),
    "prefix": (REGISTER + "registry.head('std/linear', 'a:b')", "collision", "belongs to 'std'"),
}
FINE = {
    "prints": ("print('loud'); import sys; print('quiet', file=sys.stderr)", "prints 'loud quiet'"),
    "slow": ("import time; time.sleep(0.3)", "slow to import"),
    "heavy": ("import numpy", "imports numpy"),
    "missing": (REGISTER + "registry.head('missing/x', 'mmx_missing.nowhere:X')", ""),
    "healthy": (HEALTHY, ""),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name, (source, *_) in {**BROKEN, **FINE}.items():
        install(folder, name, source)
    (folder / "mmx_healthy" / "model.py").write_text("class Plain:\n    'Does nothing.'\n")
    install(folder, "clash", "", distribution="one")
    install(folder, "clash", "", distribution="two")
    return folder


@pytest.fixture(scope="module")
def listed(site: Path) -> dict[str, list[dict[str, Any]]]:
    result = python(site, "-m", "mmx", "plugins", "--json", cwd=site)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    records: dict[str, list[dict[str, Any]]] = {}
    for record in json.loads(result.stdout)["plugins"]:
        records.setdefault(record["name"], []).append(record)
    return records


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken(listed: dict[str, list[dict[str, Any]]], name: str) -> None:
    (record,) = listed[name]
    _, state, reason = BROKEN[name]
    assert record["state"] == state
    assert reason in record["reason"]
    assert "Traceback" in record["traceback"]
    assert record["components"] == 0


@pytest.mark.parametrize("name", sorted(FINE))
def test_fine(listed: dict[str, list[dict[str, Any]]], name: str) -> None:
    (record,) = listed[name]
    assert record["state"] == "ok"
    remarks = record["reason"].split("; ") if record["reason"] else []
    if name == "slow":
        assert record["load_ms"] >= 300
    else:  # on a busy machine anything may be slow
        remarks = [remark for remark in remarks if remark != "slow to import"]
    assert "; ".join(remarks) == FINE[name][1]
    assert record["heavy"] == (["numpy"] if name == "heavy" else [])


def test_collision_names_both(listed: dict[str, list[dict[str, Any]]]) -> None:
    assert [record["distribution"] for record in listed["clash"]] == ["one", "two"]
    assert all("one 1.0 and two 1.0" in record["reason"] for record in listed["clash"])


def test_first_party_still_works(listed: dict[str, list[dict[str, Any]]]) -> None:
    assert [record["state"] for name in ("std", "worlds", "soundnet") for record in listed[name]] == ["ok"] * 3
    assert listed["std"][0]["components"] > 10


def test_table_is_one_line_per_plugin_in_a_pipe(site: Path, listed: dict[str, list[dict[str, Any]]]) -> None:
    result = python(site, "-m", "mmx", "plugins", cwd=site)
    header, *rows = result.stdout.splitlines()
    assert header.split()[:5] == ["name", "distribution", "version", "api", "state"]
    assert len(rows) == sum(map(len, listed.values()))
    assert any("needs 'nowhere_to_be_found', which is not installed" in row for row in rows)


def test_verbose_shows_tracebacks_and_noise(site: Path) -> None:
    result = python(site, "-m", "mmx", "plugins", "-v", cwd=site)
    assert "raises failed in import:\nTraceback" in result.stdout
    assert "prints printed:\nloud\nquiet" in result.stdout


def test_check(site: Path, tmp_path: Path) -> None:
    assert python(site, "-m", "mmx", "plugins", "--check", cwd=tmp_path).returncode == 1
    assert python(site, "-m", "mmx", "plugins", "--check", cwd=tmp_path, MMX_PLUGINS="healthy").returncode == 0
    assert python(None, "-m", "mmx", "plugins", "--check", cwd=tmp_path).returncode == 0
    lost = python(site, "-m", "mmx", "plugins", "--check", cwd=tmp_path, MMX_PLUGINS="missing")
    assert lost.returncode == 1
    assert "note: plugin 'missing' (mmx-missing 1.0): head 'missing/x': mmx_missing.nowhere:X" in lost.stdout


def test_experiments_of_the_shipped_file_count_for_the_plugin_that_they_are_named_after(
    listed: dict[str, list[dict[str, Any]]],
) -> None:
    assert [listed[name][0]["experiments"] for name in ("soundnet", "mulan", "std", "healthy")] == [1, 1, 0, 0]


def test_notes(site: Path, tmp_path: Path) -> None:
    result = python(site, "-m", "mmx", "plugins", cwd=tmp_path, MMX_DISABLE_PLUGINS="healthi,raises")
    assert "note: MMX_DISABLE_PLUGINS names 'healthi', which is not installed; did you mean 'healthy'?" in result.stdout
    assert [line.split()[4] for line in result.stdout.splitlines() if line.startswith("raises ")] == ["disabled"]


def test_other_commands_work_too(site: Path, tmp_path: Path) -> None:
    result = python(site, "-m", "mmx", "fetch", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
