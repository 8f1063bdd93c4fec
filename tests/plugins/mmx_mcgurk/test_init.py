"""Conflict of audio and lips: wiring only. Presets resolve and learn; the command judges any classifier's conflicts."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmx_mcgurk
from mmx.cli import main
from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from tests.plugins.stored import stored

ROOT = Path(mmx_mcgurk.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]


def test_conflicts_of_a_run_are_judged_by_the_command(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    overrides = ["stages.fit.steps=1", "task.tasks.conflict=null", "task.tasks.classes.simple=false"]
    resolved = catalog.resolve("mcgurk", preset="smoke", overrides=overrides, settings={"device": "cpu"})
    assert execute(resolved, catalog.plugins, folder, Quiet(), tracking=False) is not None
    assert main(["eval", str(folder), "--conflict", "audio,video", "-q"]) == 0
    for wrong, words in (("audio,vide", "did you mean"), ("audio", "two fields")):
        assert main(["eval", str(folder), "--conflict", wrong, "-q"]) == 2
        assert words in capsys.readouterr().err
    (report,) = (folder / "evals").rglob("report.json")
    assert '"follows_audio"' in report.read_text("utf-8") and '"posterior_correlation"' in report.read_text("utf-8")


def test_gates() -> None:
    """Margins of the specification, on the means over three seeds."""
    assert stored(ROOT, "default", "accuracy") >= 0.85
    assert stored(ROOT, "default", "posterior_correlation") >= 0.7
    assert stored(ROOT, "late-mean", "between") < stored(ROOT, "default", "between"), "an average makes no third answer"
    assert stored(ROOT, "audio-only", "dominance") > 0 > stored(ROOT, "video-only", "dominance")
