from __future__ import annotations

import subprocess
import sys

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
