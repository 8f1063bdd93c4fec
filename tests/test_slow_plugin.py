"""A plugin that sleeps for half a minute while it is imported: its load time tells, and it can be left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.core.distributions import python
from tests.environments import Wheel
from tests.test_plugin_faults import PLAIN, REGISTRY

SECONDS = 30
SLEEPER = f"""
import os, time
from mmx import hookimpl

with open(os.environ["FOO_IMPORTS"], "a") as file:
    file.write("imported\\n")
time.sleep({SECONDS})


@hookimpl
def mmx_register(registry):
    registry.encoder("foo/plain", "mmx_foo.model:Plain")
"""
WAITING: Mapping[str, tuple[str, ...]] = {
    "plugins": ("plugins", "--json"),
    "check": ("plugins", "--check"),
    "ls": ("ls",),
    "encoders": ("ls", "encoders"),
    "show": ("show", "tiny"),
    "strict": ("--strict-plugins", "ls"),
    "run": ("run", "tiny", "--no-tracking", "--quiet"),
}
"""Commands that need the plugins. They sleep side by side, so that the test takes half a minute once."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sleeper")
    files = {"mmx_foo/__init__.py": SLEEPER, "mmx_foo/model.py": PLAIN}
    Wheel("mmx-foo", files, {"foo": "mmx_foo"}).install(root / "site")
    return root / "site"


def test_commands_wait_for_its_import_once_and_say_for_whom(site: Path, tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    paths = os.pathsep.join([str(site), *(path for path in sys.path if path)])
    environ = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    started = {
        name: subprocess.Popen(
            [sys.executable, "-m", "mmx", *arguments],
            cwd=tmp_path,
            env={**environ, "FOO_IMPORTS": str(tmp_path / f"{name}.imports")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, arguments in WAITING.items()
    }
    output = {}
    for name, process in started.items():
        output[name], errors = process.communicate()
        assert process.returncode == 0, f"{name}: {errors}"
        assert (tmp_path / f"{name}.imports").read_text() == "imported\n", f"{name}: once, and no more"
        told = "waiting for plugin 'foo' (mmx-foo 1.0), which is still being imported"
        assert f"{told}; to go on without it: MMX_DISABLE_PLUGINS=foo\n" in errors, name
        assert errors.count("waiting for plugin 'foo'") == 1, name
    (row,) = (row for row in json.loads(output["plugins"])["plugins"] if row["name"] == "foo")
    assert (row["state"], row["components"], row["reason"]) == ("ok", 1, "slow to import")
    assert row["load_ms"] >= SECONDS * 1000
    assert "tiny" in output["ls"] and "tiny" in output["strict"]
    assert "foo/plain" in output["encoders"]
    assert "verdict: " in output["run"]


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (("--version",), {}),
        (("--help",), {}),
        (("ls",), {"MMX_DISABLE_PLUGINS": "foo"}),
        (("ls",), {"MMX_PLUGINS": ""}),
        (("plugins", "--check"), {"MMX_DISABLE_PLUGINS": "foo"}),
    ],
)
def test_it_can_be_avoided(arguments: tuple[str, ...], environ: Mapping[str, str], site: Path, tmp_path: Path) -> None:
    imports = tmp_path / "imports"
    done = python(site, "-m", "mmx", *arguments, cwd=tmp_path, FOO_IMPORTS=str(imports), **environ)
    assert done.returncode == 0, done.stderr
    assert "foo" not in done.stderr  # of others it may be said: everything is slow on a busy machine
    assert not imports.exists()
