"""A catalog over toy components, with real plugin and registry classes and files in a temporary folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from mmx.config.catalog import Catalog
from mmx.plugins.loader import Plugins
from mmx.registry.registry import KINDS, Entry, Kind

PARTS = "tests.core.toys.parts"
COMPONENTS: Mapping[str, tuple[Kind, str]] = {
    "toy/conv": ("encoder", "Conv"),
    "toy/mel": ("encoder", "Mel"),
    "toy/frames": ("encoder", "Frames"),
    "std/none": ("fuser", "NoFusion"),
    "std/linear": ("head", "Linear"),
    "toy/kl": ("objective", "Kl"),
    "toy/weighted": ("objective", "Weighted"),
    "toy/chain": ("objective", "Chain"),
    "toy/clips": ("corpus", "Clips"),
    "std/manifest": ("corpus", "Manifest"),
    "toy/judge": ("task", "Judge"),
    "std/adamw": ("optimizer", "adamw"),
    "std/sgd": ("optimizer", "sgd"),
    "std/cosine": ("schedule", "cosine"),
    "toy/calm": ("balance", "Calm"),
}

SHIPPED = """\
experiments:
  hear:
    summary: Learn to hear
    paper: {title: Hearing, year: 2016}
    corpus: {use: toy/clips, clips: 20}
    encoders:
      audio: {use: toy/conv, width: 0.5, field: sound}
      image: {use: toy/mel, freeze: true}
    heads:
      scene: {use: linear, target: scene}
    stages:
      - {name: distill, trains: [encoders.audio, heads], steps: 10,
         objective: {use: toy/kl}, optimizer: {lr: 0.01, use: adamw}}
      - name: probe
        trains: [heads.scene]
        objective: toy/kl
        steps: 5
    task: {use: toy/judge, title: t}
    presets:
      smoke: {stages: {distill: {steps: 2}, probe: null}, corpus.clips: 4}
      paper: {encoders: {audio: {width: 1}}}
"""


@dataclass(slots=True)
class ToyPlugins(Plugins):
    """Plugins whose files of experiments are given by the test."""

    files: Sequence[tuple[str, Path]] = field(default_factory=list)
    local: Sequence[Path] = ()

    def experiment_files(self) -> Sequence[tuple[str, Path]]:
        return self.files


def toy_plugins(**options: object) -> ToyPlugins:
    plugins = ToyPlugins(**options)  # type: ignore[arg-type]
    for name, (kind, attribute) in COMPONENTS.items():
        plugins.registry.add(Entry(kind, name, f"{PARTS}:{attribute}", name.partition("/")[0], "toys 1.0"))
    assert {kind for kind, _ in COMPONENTS.values()} == set(KINDS)
    return plugins


@dataclass
class Workplace:
    """The user's folder, and how a catalog is opened in it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    shipped: str = SHIPPED
    user: str | None = None
    plugin_files: Mapping[str, str] = field(default_factory=dict)
    plugins: ToyPlugins = field(default_factory=toy_plugins)

    def open(self, *, strict: bool = False) -> Catalog:
        files = []
        for plugin, text in self.plugin_files.items():
            (self.folder / f"mmx_{plugin}").mkdir(exist_ok=True)
            files.append((plugin, self._write(f"mmx_{plugin}/experiments.yaml", text)))
        self.plugins.files = files
        shipped = self._write("shipped/registry.yaml", self.shipped)
        if self.user is not None:
            self._write("registry.yaml", self.user)
        self.monkeypatch.setattr("mmx.config.catalog.shipped_file", lambda: shipped)
        self.monkeypatch.setattr("mmx.config.sources.shipped_file", lambda: shipped)
        self.monkeypatch.setattr("mmx.plugins.loader.load_plugins", self._load)
        return Catalog.open(self.folder, strict=strict)

    def _load(self, *, local: Sequence[Path], untrusted: Sequence[Path], strict: bool) -> ToyPlugins:
        self.plugins.local = local
        return self.plugins

    def _write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A temporary folder with the toy experiment shipped."""
    monkeypatch.chdir(tmp_path)
    return Workplace(tmp_path, monkeypatch)
