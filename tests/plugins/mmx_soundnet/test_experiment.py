"""The entry in registry.yaml: presets that leave something out leave nothing behind that never learns."""

from __future__ import annotations

import pytest

from mmx.config.catalog import Catalog
from mmx.testing.experiments import examine

SMALL = ("corpus.clips=8", "corpus.side=32", "stages.distill.batch_size=4")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize(
    ("preset", "encoders"),
    [
        ("objects-only", {"audio", "objects"}),
        ("scenes-only", {"audio", "scenes"}),
        ("autoencoder", {"audio"}),
    ],
)
def test_what_a_preset_leaves_out_is_not_built(catalog: Catalog, preset: str, encoders: set[str]) -> None:
    experiment = catalog.resolve("soundnet", preset=preset, overrides=SMALL).experiment
    assert set(experiment.encoders) == encoders
    assert [finding for finding in examine(experiment, catalog.plugins.registry) if not finding.ok] == []


def test_the_autoencoder_is_the_first_four_layers_of_the_network(catalog: Catalog) -> None:
    whole, short = (catalog.resolve("soundnet", preset=preset).experiment for preset in ("default", "autoencoder"))
    assert short.encoders["audio"].params == {**whole.encoders["audio"].params, "until": "conv4"}
    assert set(short.heads) == {"decoder"}
    assert [stage.name for stage in short.stages] == ["distill"]
