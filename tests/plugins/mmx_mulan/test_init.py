"""The front door: what the package registers, and that every preset resolves and every small one fits together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mmx_mulan
from mmx.registry import Registrar, Registry

ROOT = Path(__file__).parents[3]
EXPERIMENT = yaml.safe_load((ROOT / "registry.yaml").read_text())["experiments"]["mulan"]


def test_the_import_is_light() -> None:
    code = (
        "import sys; import mmx_mulan, mmx.types; "
        "heavy = {'torch', 'numpy', 'scipy', 'mlflow', 'transformers', 'music21'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_parts_can_be_loaded() -> None:
    registry = Registry()
    mmx_mulan.mmx_register(Registrar(registry, plugin="mulan", distribution="mmx"))
    for kind, name in (
        ("encoder", "mulan/mel-resnet"),
        ("encoder", "mulan/specaugment"),
        ("objective", "mulan/contrastive"),
        ("corpus", "mulan/folk"),
        ("task", "mulan/judge"),
    ):
        assert registry.lookup(kind, name).load()  # type: ignore[arg-type]


def test_the_card_names_the_terms_and_what_is_not_the_papers() -> None:
    assert "commercially" in mmx_mulan.CARD.licence
    assert mmx_mulan.CARD.deviations
    assert mmx_mulan.CARD.limits


@pytest.mark.parametrize("preset", ["shuffled", "supervised", "sources-sf", "sources-sf-lf", "sources-labels"])
def test_controls_and_ablations_are_presets(preset: str) -> None:
    assert preset in EXPERIMENT["presets"]


def test_the_music_package_is_never_imported() -> None:
    code = (
        "import sys; from mmx_mulan.corpus import Folk; "
        "Folk(clips=4, val_clips=1, test_clips=4).split('test')[0].fields['text']; "
        "assert 'music21' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
