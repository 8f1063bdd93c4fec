"""Writing of a judgement: `report.json` for machines, `report.html` for people, `media/` for both."""

from __future__ import annotations

import re
import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from mmx.errors import MmxError
from mmx.media.audio_image import write_audio, write_image, write_video
from mmx.media.size_limits import checked_pixels
from mmx.report.html import Facts, page
from mmx.report.items import Shown, of_an_item
from mmx.report.verdict import LEARNED, reason, verdict
from mmx.support import run_files
from mmx.support.files import write_json, write_text
from mmx.support.redact import redact_text
from mmx.tracking import journal
from mmx.types import Audio, Figure, Video

if TYPE_CHECKING:
    from mmx.types import Card, Clip, Metric, Report

_THUMBNAIL: Final = (160, 120)
"""Largest width and height of the image of a run in a list."""
PREVIEW: Final = 560
"""Pixels: what fits beside the other columns of MLflow's page of a run."""
WIDE: Final = 1200
"""Widest figure, in pixels, whose words can be read in a column of half a page."""
Curves = Mapping[str, Sequence[tuple[int, float]]]


def write_report(
    folder: Path,
    report: Report,
    *,
    experiment: str,
    preset: str,
    seed: int,
    seconds: float,
    peak_rss_mb: float,
    params: int,
    environment: Mapping[str, str],
    card: Card | None,
    curves: Curves | None = None,
    command: str = "",
    caveats: Sequence[str] = (),
    further: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Write `report.json`, `report.html` and `media/` into the run folder and return the path of the page.

    Args:
        folder: The run folder; `config.yaml` in it is shown on the page.
        report: What the task found.
        experiment: Name of the experiment.
        preset: Its preset.
        seed: Seed of the run.
        seconds: Wall time of the run.
        peak_rss_mb: Largest memory in MB.
        params: Parameters of the model.
        environment: Versions and commit (`mmx.tracking.provenance.environment`).
        card: Card of the paper, plugin or corpus.
        curves: Metrics over steps; default: the folder's journal. `x/chance` is drawn into `x/loss`.
        command: What to type to repeat the run; default: composed from experiment, preset and seed.
        caveats: What the experiment must not be used or trusted for (`mmx.runs.caveats`).
        further: Further keys of `report.json`: `modalities` (`mmx.runs.modalities.contributions`) and `ablation`.

    Raises:
        OSError: The folder cannot be written; what was there before is whole.
    """
    command = command or _command(experiment, preset, seed)
    shown, lost = _written(folder, report)
    report = replace(report, notes=[*report.notes, *lost])
    about = {"experiment": experiment, "preset": preset, "seed": seed}
    cost = {"seconds": round(seconds, 2), "peak_rss_mb": round(peak_rss_mb, 1), "params": params}
    record = {
        **about,
        "items": {"used": report.used, "expected": report.expected},
        **cost,
        **as_json(report),
        **{name: value for name, value in further.items() if value},
        **({"media": {item.path.name: item.caption for item in shown}} if shown else {}),
        **{"environment": dict(environment), "git_commit": environment.get("git_commit"), "command": command},
    }
    _write_thumbnail(folder, shown)
    curves = journal.curves(folder / run_files.JOURNAL) if curves is None else curves
    options: dict[str, Any] = {"curves": curves, "card": card, "caveats": caveats}
    options["ablation"] = further.get("ablation", {})
    content = page(facts(folder, report, record), report, shown, **options)
    place = write_text(folder / run_files.PAGE, content)
    write_json(folder / run_files.REPORT, record, indent=2)  # last: where it is, all of the report is
    return place


def facts(folder: Path, report: Report, record: Mapping[str, Any]) -> Facts:
    """Return what the page says beside the report: the verdict as it was given, the configuration, how to repeat it.

    Args:
        folder: The run folder.
        report: What the task found.
        record: The content of `report.json`.
    """
    told = record.get("verdict", verdict(report))
    return Facts(
        verdict=told,
        learned=told == LEARNED,
        reason=reason(report) if told == verdict(report) else "",
        summary=record,
        config=_config(folder),
        command=record.get("command") or _command(record["experiment"], record["preset"], record["seed"]),
        folder="/".join(folder.resolve().parts[-3:]),
    )


def pixels(image: Any) -> np.ndarray:
    """Return a figure's image, an array or a matplotlib figure, as uint8 (height, width, 3)."""
    if not hasattr(image, "savefig"):
        return checked_pixels(Path("figure"), image)
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # shown as a box; the warning would hold the character itself
        image.savefig(buffer, format="png", dpi=144, bbox_inches="tight", facecolor="white")
    with Image.open(buffer) as image:
        return np.array(image.convert("RGB"))


def rendered(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures as pixels, each drawn once for all who show it; one that cannot be drawn stays as it is."""
    drawn: list[Figure] = []
    for figure in figures:
        try:
            drawn.append(replace(figure, image=pixels(figure.image)))
        except (MmxError, ValueError, TypeError, AttributeError):
            drawn.append(figure)  # reported where it is shown
    return drawn


def as_json(report: Report) -> dict[str, Any]:
    """Return the metrics, the verdict and the notes in the shape of `report.json`."""
    metrics = [_metric(metric) for metric in report.metrics]
    return {"metrics": metrics, "verdict": verdict(report), "notes": list(report.notes)}


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "value": metric.value,
        "ci95": None if metric.ci95 is None else list(metric.ci95),
        "better": metric.better,
        "chance": metric.chance,
        "untrained": metric.untrained,
        "baselines": dict(metric.baselines),
        "controls": dict(metric.controls),
        "references": dict(metric.references),
        "paper": None if metric.paper is None else {"value": metric.paper.value, "scale": metric.paper.scale},
        "gaps": {label: list(interval) for label, interval in metric.gaps.items()},
        "units": metric.units,
        "unit": metric.unit,
    }


def _written(folder: Path, report: Report) -> tuple[list[Shown], list[str]]:
    """Write figures and clips; one that cannot be written costs a note, not the report."""
    shown: list[Shown] = []
    lost: list[str] = []
    items: list[Figure | Clip] = [*report.figures, *report.clips]
    bases: set[str] = set()
    for item in items:
        base = _file_name(item.key, bases)
        bases.add(base)
        path = folder / run_files.MEDIA / base
        try:
            shown.append(_figure(path, item) if isinstance(item, Figure) else _clip(path, item))
        except (MmxError, ValueError, TypeError, AttributeError) as error:
            lost.append(f"{item.key} is not shown: {error}".replace(f"{folder}/", ""))
    return shown, lost


def _figure(base: Path, figure: Figure) -> Shown:
    image = pixels(figure.image)
    path = write_image(_suffixed(base, ".png"), image)
    return Shown("image", path, figure.key, figure.caption, figure=True, wide=image.shape[1] > WIDE)


def _write_thumbnail(folder: Path, shown: Sequence[Shown]) -> None:
    """Leave a small image for lists of runs: the first image of an item, or else the first image."""
    images = sorted((item for item in shown if item.kind == "image"), key=lambda item: not of_an_item(item.key))
    if images:
        with Image.open(images[0].path) as opened:
            small = opened.convert("RGB")
        small.thumbnail(_THUMBNAIL)
        write_image(folder / run_files.THUMBNAIL, np.array(small))


def write_previews(folder: Path, names: Sequence[str]) -> list[Path]:
    """Write images of a run's media once more, at most `PREVIEW` wide, and return the files."""
    found = []
    for name in names:
        with Image.open(folder / run_files.MEDIA / name) as opened:
            small = opened.convert("RGB")
        small.thumbnail((PREVIEW, PREVIEW))
        found.append(write_image(folder / run_files.PREVIEW / name, np.array(small)))
    return found


def write_clips(folder: Path, clips: Sequence[Clip]) -> list[Path]:
    """Write clips into a folder under their keys, and return the files.

    Raises:
        DataError: One is no medium, or cannot be written.
    """
    bases: list[str] = []
    for clip in clips:
        bases.append(_file_name(clip.key, bases))
    return [_clip(folder / base, clip).path for base, clip in zip(bases, clips, strict=True)]


def _clip(base: Path, clip: Clip) -> Shown:
    """Write a clip: `Audio`, `Video`, a pair of both, or an image."""
    media = clip.media
    if isinstance(media, Audio):
        return Shown("audio", write_audio(_suffixed(base, ".wav"), media), clip.key, clip.caption, media.seconds)
    video, audio = media if isinstance(media, tuple) else (media, None)
    if isinstance(video, Video):
        path = write_video(_suffixed(base, ".mp4"), video, audio)
        return Shown("video", path, clip.key, clip.caption, video.seconds)
    return Shown("image", write_image(_suffixed(base, ".png"), media), clip.key, clip.caption)


def _suffixed(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def _file_name(key: str, taken: Container[str]) -> str:
    name = re.sub(r"[^\w.-]+", "_", key, flags=re.ASCII).strip("._")[:80] or "unnamed"
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _config(folder: Path) -> str:
    path = folder / run_files.CONFIG
    return redact_text(path.read_text("utf-8", errors="replace")) if path.is_file() else ""


def _command(experiment: str, preset: str, seed: int) -> str:
    chosen = "" if preset == "default" else f" --preset {preset}"
    return f"mmx run {experiment}{chosen} --seed {seed}"
