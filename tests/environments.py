"""Wheels laid out by hand, and fresh environments to install things into: pip itself at work, without a network."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import run_server

OFFLINE: Mapping[str, str] = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as "no isolation"
    "PIP_NO_CACHE_DIR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "MMX_CACHE": os.environ.get("MMX_CACHE", ""),
}


@dataclass(frozen=True)
class Wheel:
    """A distribution to be: its name, the files in it, and the plugins that it announces."""

    name: str
    files: Mapping[str, str]
    plugins: Mapping[str, str] = field(default_factory=dict)
    version: str = "1.0"
    requires: Sequence[str] = ()

    def install(self, site: Path) -> None:
        """Lay it out in a folder as `pip install --target` does."""
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        info = f"{stem}.dist-info"
        metadata = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        metadata += [f"Requires-Dist: {line}" for line in self.requires]
        points = ["[mmx]", *(f"{name} = {module}" for name, module in self.plugins.items())]
        files = {
            **self.files,
            f"{info}/METADATA": "\n".join(metadata) + "\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": "\n".join(points) + "\n",
            f"{info}/INSTALLER": "pip\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text, encoding="utf-8")


def import_path() -> list[str]:
    """Return the folders that this process imports from, the standard library's aside."""
    return [path for path in sys.path if path and not path.startswith(sys.base_prefix)]


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees what this process sees (torch, mmx, pip), and keeps what is installed into it."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, *, warm: bool = False) -> Environment:
        """Make one, with `python`, `pip`, `pytest` and `mmx` on its path.

        Args:
            folder: Where.
            warm: `mmx` runs in forks of a process that has imported torch already, see `tests.run_server`.
        """
        venv.create(folder, with_pip=False, symlinks=True)
        made = cls(folder)
        (made.site / "outside.pth").write_text("\n".join(import_path()) + "\n")
        for name, module in {"pip": "pip", "pytest": "pytest", "mmx": "mmx"}.items():
            script = folder / "bin" / name
            program = f'"{folder}/bin/python" -m {module}'
            if warm and name == "mmx":
                program = run_server.command(made.site)
            script.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return made

    @property
    def site(self) -> Path:
        """Where packages are installed."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def run(self, command: str, cwd: Path, *, timeout: float = 300, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run shell commands in it; output and errors come back together."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("MMX_", "PYTEST_", "COV_"))}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=cwd,
            env={**clean, **OFFLINE, "PATH": path, "PYTHONPATH": "", "VIRTUAL_ENV": str(self.folder), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def shell(self, command: str, cwd: Path) -> tuple[int, str]:
        """Run a command line and return its exit code and output."""
        done = self.run(command, cwd, NO_COLOR="1")
        return done.returncode, done.stdout

    def check(self, command: str, cwd: Path, **environ: str) -> str:
        """Run shell commands that must succeed, and return what they print."""
        done = self.run(command, cwd, **environ)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout
