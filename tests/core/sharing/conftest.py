"""One tiny trained run, shared by the tests of whatever gives runs to others."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmx
from mmx import LoadedRun
from tests.core.interactive.test_loaded import EXPERIMENT


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A run of `bars`: shapes in images by a small convolutional network."""
    folder: Path = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "registry.yaml").write_text(EXPERIMENT)
        return mmx.run("bars", seed=5, runs=folder / "runs", tracking=False)
