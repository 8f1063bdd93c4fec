"""Content of the record of a run: tags and note at the start, metrics, figures and files at the end."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.model.meaning import CORPUS, read_sources
from mmx.report.write import write_previews
from mmx.runs.history import read_report
from mmx.support import run_files
from mmx.support.text import one_line
from mmx.tracking.journal import ABOUT

if TYPE_CHECKING:
    from mmx.config.catalog import Resolved
    from mmx.config.experiment import Experiment
    from mmx.plugins.loader import Plugins
    from mmx.tracking.tracker import Tracker
    from mmx.types import Report

_PICTURES: Final = 3
"""Images of the report that MLflow shows above a run's numbers."""
_CAPTION: Final = 200


def tags(resolved: Resolved, plugins: Plugins) -> dict[str, str]:
    """Return what a run can be found by: experiment, preset, seed, the versions of its plugins, its sweep's run."""
    experiment = resolved.experiment
    used = _components(resolved.config)
    parent = os.environ.get("MMX_PARENT_RUN")
    return {
        **({"mlflow.parentRunId": parent} if parent else {}),
        ABOUT: about(experiment),
        "mmx.experiment": experiment.name,
        "mmx.preset": experiment.preset,
        "mmx.seed": str(experiment.settings.seed),
        **{f"mmx.plugin.{each.name}": each.version for each in plugins.records if _used(each.name, used)},
    }


def run_name(found: Report, words: str, preset: str, seed: int, folder: Path) -> str:
    """Return what a run is called in MLflow once it is judged: "0.474 learned · seed 7 · 6da8"."""
    value = f"{found.metrics[0].value:.3g} " if found.metrics else ""
    chosen = "" if preset == "default" else f" · {preset}"
    return f"{value}{words}{chosen} · seed {seed} · {folder.name.rpartition('-')[2]}"


def about(experiment: Experiment) -> str:
    """Return what MLflow shows above all runs of an experiment: its summary, and the paper."""
    paper = experiment.paper
    if paper is None:
        return f"**{experiment.summary}**"
    where = paper.url or (f"https://arxiv.org/abs/{paper.arxiv}" if paper.arxiv else "")
    title = f"[{paper.title}]({where})" if where else paper.title
    return f"**{experiment.summary}**\n\nPaper: {title}{f' ({paper.year})' if paper.year else ''}"


def send(found: Report, words: str, seconds: float, tracker: Tracker, folder: Path, experiment: Experiment) -> None:
    """Send a judgement to the tracker: numbers at step 0 (MLflow then shows bars), figures, files, items, the model."""
    numbers: dict[str, float] = {}
    for metric in found.metrics:
        numbers[f"test/{metric.name}"] = metric.value
        beside = [each for each in metric.beside() if each.kind != "paper"]
        numbers |= {f"test/{metric.name}_{each.name or each.kind}": each.value for each in beside}
    numbers |= {"perf/seconds": seconds, "perf/peak_rss_mb": peak_rss_mb()}
    numbers |= {"test/items_used": float(found.used), "test/items_expected": float(found.expected)}
    tracker.metrics(0, numbers)
    tracker.tag("mmx.verdict", words)
    if found.metrics:
        tracker.tag("mmx.first_metric", f"{found.metrics[0].name} {found.metrics[0].value:.4g}")
    tracker.tag("mlflow.runName", run_name(found, words, experiment.preset, experiment.settings.seed, folder))
    for name in (run_files.REPORT, run_files.PAGE, run_files.CONFIG):
        tracker.artifact(folder / name)
    if (folder / run_files.MEDIA).is_dir():
        tracker.artifact(folder / run_files.MEDIA, run_files.MEDIA)
        captions: dict[str, str] = {}
        media = read_report(folder).get("media", {})
        for path in write_previews(folder, [name for name in media if name.endswith(".png")][:_PICTURES]):
            tracker.artifact(path, run_files.PREVIEW)
            captions[f"{run_files.PREVIEW}/{path.name}"] = one_line(media[path.name], _CAPTION)
        tracker.pictures(captions)
    if found.predictions:
        tracker.table(found.predictions)
    tracker.model(
        folder, {f"test/{metric.name}": metric.value for metric in found.metrics}, _fields(folder, experiment)
    )


def _fields(folder: Path, experiment: Experiment) -> dict[str, str]:
    """Return field -> modality of what the model reads; empty where the run did not say."""
    source = (read_sources(folder) or {}).get(CORPUS)
    wanted = [part.field or name for name, part in experiment.encoders.items()]
    return {} if source is None else {name: source.fields[name] for name in wanted if name in source.fields}


def note(resolved: Resolved) -> str:
    """Return what the tracker shows above a run: what it is, and what to read first."""
    experiment = resolved.experiment
    return (
        f"{about(experiment)}\n\n"
        f"Preset `{experiment.preset}`, seed {experiment.settings.seed}. "
        "Read `report.html` (artifacts) first: every metric stands beside chance, the untrained network, "
        "its baselines and its controls."
    )


def _components(value: Any) -> set[str]:
    """Return every component name of a configuration."""
    if isinstance(value, Mapping):
        own = {value["use"]} if isinstance(value.get("use"), str) else set()
        return own.union(*map(_components, value.values()))
    return set().union(*map(_components, value)) if isinstance(value, list | tuple) else set()


def _used(plugin: str, names: Iterable[str]) -> bool:
    return any(name.partition("/")[0] == plugin for name in names)


def peak_rss_mb() -> float:
    """Return the largest resident size of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if os.uname().sysname == "Linux" else 1024 * 1024)
