from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import mmx_worlds
from mmx.registry.registry import Registrar, Registry


def test_every_corpus_is_registered_and_loads() -> None:
    registry = Registry()
    mmx_worlds.mmx_register(Registrar(registry, "worlds", "mmx 0"))
    entries = {entry.name: entry.load() for entry in registry.entries("corpus")}
    names = (
        *("collage", "cues", "documents", "drawings", "drivers", "emotions", "episodes", "folk", "identities"),
        *("images", "mixtures", "music", "phrases", "questions", "recipes", "regions", "relations", "scenes"),
        *("scripture", "shapes", "sounds", "strips", "syllables", "talkers", "translation"),
    )
    assert set(entries) == {f"worlds/{name}" for name in names}
    of_instances = {f"worlds/{name}" for name in ("folk", "mixtures", "strips")}  # cards that say what they are made of
    for name, target in entries.items():
        assert (name in of_instances) or target.card.licence, name
        assert target.__doc__, name


def test_discovery_needs_no_heavy_library() -> None:
    code = (
        "import mmx_worlds, sys; print([m for m in ('torch', 'numpy', 'scipy', 'PIL', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


DRAWN = (
    *("collage", "cues", "documents", "drawings", "drivers", "emotions", "episodes", "identities", "phrases"),
    *("questions", "recipes", "regions", "scenes", "shapes", "syllables", "talkers"),
)
"""Worlds whose samples are drawn, each from its place in its split. Others are of real media, over another world, or
drawn once and divided (`relations`, `translation`, `scripture`; `folk` draws who plays a tune, of one split each)."""


@pytest.mark.parametrize("name", DRAWN)
def test_no_two_splits_share_a_random_stream(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first clip that is judged would be the first that was learned, with other media at most."""
    registry = Registry()
    mmx_worlds.mmx_register(Registrar(registry, "worlds", "mmx 0"))
    world: Any = {entry.name: entry for entry in registry.entries("corpus")}[f"worlds/{name}"].load()()
    make, used = np.random.default_rng, {"train": set[str](), "val": set[str](), "test": set[str]()}
    for split, seeds in used.items():
        monkeypatch.setattr(np.random, "default_rng", lambda seed, seeds=seeds: seeds.add(repr(seed)) or make(seed))
        sample = world.split(split)[0]
        for field in world.fields:
            sample.fields.get(field)  # rendered on access
        assert seeds
    assert not used["train"] & used["test"] and not used["train"] & used["val"] and not used["val"] & used["test"]
