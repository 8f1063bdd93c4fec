"""The front door: what the package registers, and that every preset resolves and every small one fits together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mmx_mulan
from mmx.config.catalog import Catalog
from mmx.registry.registry import Registrar, Registry
from mmx.testing.experiments import examine

ROOT = Path(__file__).parents[3]
EXPERIMENT = yaml.safe_load((ROOT / "plugins/mmx_mulan/experiments.yaml").read_text())["experiments"]["mulan"]
SMALL = (
    *("corpus.source=procedural", "corpus.clips=4", "corpus.val_clips=2", "corpus.test_clips=2", "corpus.views=1"),
    *("corpus.seconds=4", "corpus.window=4", "encoders.audio.frontend.frontend.seconds=4", "task.least=1"),
)


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
        ("objective", "mulan/contrastive"),
        ("task", "mulan/judge"),
    ):
        assert registry.lookup(kind, name).load()  # type: ignore[arg-type]


def test_the_card_names_the_terms_and_what_is_not_the_papers() -> None:
    assert "commercially" in mmx_mulan.CARD.licence
    assert mmx_mulan.CARD.deviations
    assert mmx_mulan.CARD.caveats


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def test_every_control_and_ablation_of_the_paper_is_a_preset_and_resolves(catalog: Catalog) -> None:
    sources = {"sources-sf", "sources-sf-lf", "sources-labels", "unfiltered"}
    assert sources | {"shuffled", "supervised", "batch-16", "batch-256", "clip-loss"} <= set(EXPERIMENT["presets"])
    for preset in EXPERIMENT["presets"]:
        assert catalog.resolve("mulan", preset=preset).experiment.stages


def test_the_supervised_line_encodes_as_much_has_no_text_tower_and_all_that_it_has_learns(catalog: Catalog) -> None:
    plain, told = (catalog.resolve("mulan", preset=preset).experiment for preset in ("default", "supervised"))
    assert set(told.encoders) == {"audio"}
    assert (told.corpus, told.encoders["audio"]) == (plain.corpus, plain.encoders["audio"])
    for one, other in zip(told.stages, plain.stages, strict=True):
        assert (one.split, one.steps, one.batch_size) == ("train", other.steps, other.batch_size)
    small = catalog.resolve("mulan", preset="supervised", overrides=SMALL).experiment
    assert [finding for finding in examine(small, catalog.plugins.registry) if not finding.ok] == []
