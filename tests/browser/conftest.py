"""A browser, two small runs and MLflow's server, made once for all tests of this folder.

Everything is Debian's Chromium by Playwright, on files and on loopback. Playwright holds an event loop while it is
open, so it is closed with the folder's last test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmx
from mmx import Audio, Clip, LoadedRun, PaperValue, Report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 60_000
"""Milliseconds that a page may take to show something: the machine may be busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Runs:
    """Two judged runs of one experiment that MLflow knows, in one folder."""

    folder: Path
    first: LoadedRun
    second: LoadedRun


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests: pip install 'mmx[browser]'")
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip("no browser tests: no Chromium; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


EXPERIMENT = """
experiments:
  shapes:
    summary: Name the shape in an image
    corpus: {use: worlds/shapes, clips: 32, val_clips: 8, test_clips: 16}
    encoders:
      image: {use: std/conv2d, widths: [4, 4], image_size: 16}
    heads:
      label: {use: std/linear, reads: fused.image, target: shape}
    stages:
      - name: fit
        trains: [encoders.image, heads.label]
        objective: {use: std/cross-entropy, head: label, target: shape}
        steps: 12
        batch_size: 4
    task: {use: std/classification, head: label, target: shape}
    settings: {log_every: 2, validate_every: 4}
"""
PAPER = PaperValue(0.742, "another data set, a larger network")


def with_media(evaluate: Callable[..., Report]) -> Callable[..., Report]:
    """Return a task's `evaluate` whose report has what those of papers have: a paper's number, images and audio."""

    def judged(task: Any, model: Any, corpus: Any, run: Any) -> Report:
        report = evaluate(task, model, corpus, run)
        first, *others = report.metrics
        tone = Audio(np.sin(np.arange(8000) / 5).astype(np.float32), 16000)
        clips = [
            Clip(f"{kind}_{place}", media, f"{kind} of item {place}")
            for place in range(4)
            for kind, media in (("audio", tone), ("image", corpus.split(run.split)[place].fields["image"]))
        ]
        return replace(report, metrics=[replace(first, paper=PAPER), *others], clips=clips)

    return judged


@pytest.fixture(scope="package")
def runs(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Two runs of a small classifier of images."""
    from mmx_std.tasks.classification import Classification

    folder = tmp_path_factory.mktemp("browser")
    (folder / "registry.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMX_CACHE", str(folder / "cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        patch.setattr(Classification, "evaluate", with_media(Classification.evaluate))
        made = [mmx.run("shapes", seed=seed, runs=folder / "runs") for seed in (0, 1)]
    return Runs(folder / "runs", *made)


@pytest.fixture(scope="package")
def served(runs: Runs) -> Iterator[list[str]]:
    """The links that `mmx ui` prints for the first run, as long as its server runs."""
    command = [sys.executable, "-m", "mmx", "ui", str(runs.first.folder), "--runs", str(runs.folder)]
    environ = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=runs.folder) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line.strip())
            if line.startswith("Ctrl-C"):
                break
        try:
            yield [line.split()[-1] for line in printed if "http://" in line]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


class Watched:
    """A page, and what went wrong on it.

    Args:
        page: A page of Playwright.
        own: Beginnings of the addresses that it may fetch.
    """

    def __init__(self, page: Any, own: tuple[str, ...]) -> None:
        self.page = page
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda asked: None if asked.url.startswith(own) else self.foreign.append(asked.url))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))


@pytest.fixture
def watch(browser: Any) -> Iterator[Any]:
    """Opens an address in a new page: `watch(address, width=1280, scheme="light", own=("file://", "data:"))`."""
    contexts = []

    def opened(
        address: str, *, width: int = 1280, scheme: str = "light", own: tuple[str, ...] = ("file://", "data:")
    ) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        watched = Watched(context.new_page(), own)
        watched.page.goto(address)
        return watched

    yield opened
    for context in contexts:
        context.close()
