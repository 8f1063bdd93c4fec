"""ViLBERT: wiring only. Presets resolve, a batch is learned, the streams have the paper's widths."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mmx_vilbert
from mmx.config.catalog import Catalog
from mmx.model.build import Builder
from mmx.testing.experiments import examine

ROOT = Path(mmx_vilbert.__file__).parent


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_there_is_no_code_beside_the_card() -> None:
    assert sorted(path.name for path in ROOT.rglob("*.py")) == ["__init__.py", "card.py"]
    assert mmx_vilbert.CARD.deviations and mmx_vilbert.CARD.caveats and mmx_vilbert.CARD.claims


def test_every_preset_resolves(catalog: Catalog) -> None:
    presets = next(info for info in catalog.experiments() if info.name == "vilbert").presets
    assert {"smoke", "shuffled", "no-co-attention", "paper"} <= set(presets)
    for preset in presets:
        catalog.resolve("vilbert", preset=preset)


@pytest.mark.parametrize("preset", ["smoke", "no-co-attention"])
def test_a_batch_is_learned_and_judged(catalog: Catalog, preset: str) -> None:
    small = ["corpus.clips=40", "corpus.val_clips=8", "corpus.test_clips=12", "task.simple=false", "task.candidates=6"]
    experiment = catalog.resolve("vilbert", preset=preset, overrides=small).experiment
    assert [each for each in examine(experiment, catalog.plugins.registry) if not each.ok] == []


def test_the_connections_of_the_paper_have_their_sizes(catalog: Catalog) -> None:
    """Six connections of 768 and 1,024 wide streams with 1,024 inside; matrices counted one by one."""
    fuser = catalog.resolve("vilbert", preset="paper").experiment.fuser
    with torch.device("meta"):
        part = Builder(catalog.plugins.registry, 0).part(
            fuser, "fuser", "fuser", dims={"regions": 1024, "caption": 768}
        )
    inside = 3 * (1024 * 1024 + 1024) + 3 * (768 * 1024 + 1024)
    out = (1024 * 1024 + 1024) + (1024 * 768 + 768)
    norms = 2 * (2 * 1024 + 2 * 768)
    forward = (2 * 1024 * 1024 + 2 * 1024) + (2 * 768 * 3072 + 768 + 3072)
    assert sum(each.numel() for each in part.connections.parameters()) == 6 * (inside + out + norms + forward)
    bert = 12 * 768 * 768 + 13 * 768  # a layer of BERT base
    assert sum(each.numel() for each in (*part.first.parameters(), *part.texts.parameters())) == 12 * bert
