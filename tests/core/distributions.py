"""Tiny distributions as an installer leaves them behind: a package and its `.dist-info`, in a folder on the path."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

HEALTHY = """
    from mmx import Card, hookimpl
    CARD = Card(title="Healthy", summary="Works.", licence="MIT")

    @hookimpl
    def mmx_register(registry):
        registry.encoder("healthy/plain", "mmx_healthy.model:Plain")
"""


def install(
    site: Path,
    name: str,
    source: str,
    *,
    distribution: str | None = None,
    module: str | None = None,
    version: str = "1.0",
    requires: Sequence[str] = (),
) -> Path:
    """Write a plugin `name` with `source` as its `__init__`, and return its package folder."""
    distribution = distribution or f"mmx-{name}"
    module = module or f"mmx_{name}"
    package = site / module
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(textwrap.dedent(source))
    folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (folder / "METADATA").write_text("\n".join(lines) + "\n\nA description.\nName: not-a-header\n")
    (folder / "entry_points.txt").write_text(f"[console_scripts]\nother = x:y\n\n[mmx]\n{name} = {module}\n")
    return package


def python(site: Path | None, *arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a new process in which `site` is installed."""
    paths = [*([str(site)] if site else []), *(path for path in sys.path if path)]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
