"""The judgement of a run on disk: `report.json` for machines, `report.html` for people, `media/` for both."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from mmx import journal
from mmx.errors import MmxError
from mmx.files import write_json, write_text
from mmx.limits import checked_pixels
from mmx.media import write_audio, write_image, write_video
from mmx.redact import redact_text
from mmx.report_html import Facts, Shown, page
from mmx.report_plots import number
from mmx.types import Audio, Figure, Video

if TYPE_CHECKING:
    from mmx.types import Card, Clip, Metric, Report

LEARNED: Final = "learned"
JSON: Final = "report.json"
HTML: Final = "report.html"

Curves = Mapping[str, Sequence[tuple[int, float]]]


def bootstrap(
    values: Sequence[float] | np.ndarray,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    seed: int,
    samples: int = 1000,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of `statistic` over items drawn with replacement.

    Args:
        values: One row per item: numbers (items,), or several columns (items, ...) that belong together.
        statistic: Called with the drawn rows.
        seed: Same seed, same interval.
        samples: Draws.
    """
    rows = np.asarray(values)
    if len(rows) == 0:
        return (math.nan, math.nan)
    generator = np.random.default_rng(seed)
    drawn = [float(statistic(rows[generator.integers(0, len(rows), len(rows))])) for _ in range(samples)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return (float(low), float(high))


def baselines(metric: Metric) -> dict[str, float]:
    """Return what a metric must beat, by the name that a verdict uses: "chance", "floor", "control NAME"."""
    found = {"chance": metric.chance, "floor": metric.floor}
    found |= {f"control {name}": value for name, value in metric.controls.items()}
    return {name: value for name, value in found.items() if value is not None}


def not_beaten(metric: Metric, margin: float) -> list[str]:
    """Return the names of the baselines that `metric` does not beat by more than `margin`."""
    sign = 1.0 if metric.better == "higher" else -1.0
    return [name for name, value in baselines(metric).items() if not sign * (metric.value - value) > margin]


def verdict(report: Report) -> str:
    """Return "learned" if the primary metric beats chance, floor and controls by the margin, else what not.

    "not better than chance", "not better than floor", "not better than control NAME"; "no result" without items, metric
    or number; "nothing to compare with" without a baseline.
    """
    if not report.metrics or report.used == 0 or not math.isfinite(report.metrics[0].value):
        return "no result"
    primary = report.metrics[0]
    if not baselines(primary):
        return "nothing to compare with"
    missed = not_beaten(primary, report.margin)
    return f"not better than {missed[0]}" if missed else LEARNED


def reason(report: Report) -> str:
    """Return one sentence that says why the verdict is what it is."""
    judged = verdict(report)
    if judged == "no result":
        return f"{report.used} of {report.expected} items were judged, and there is no number to go by."
    primary = report.metrics[0]
    ours = f"{primary.name} {number(primary.value)}"
    if judged == "nothing to compare with":
        return f"{ours}, but the report holds no chance, floor or control."
    missed = not_beaten(primary, report.margin)
    shown = {name: f"{name} {number(value)}" for name, value in baselines(primary).items()}
    margin = f" by more than {number(report.margin)}" if report.margin else ""
    text = f"{ours} ({primary.better} is better) "
    if missed:
        return text + f"does not beat {_and([shown[name] for name in missed])}{margin}."
    text += f"beats {_and(list(shown.values()))}{margin}."
    return text + _overlap(primary)


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
    limits: Sequence[str] = (),
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
        environment: Versions and commit (`mmx.provenance.environment`).
        card: Card of the paper, plugin or corpus.
        curves: Metrics over steps; default: the folder's journal. `x/chance` is drawn into `x/loss`.
        command: What to type to repeat the run; default: composed from experiment, preset and seed.
        limits: What the experiment must not be used or trusted for (`mmx.cautions`).

    Raises:
        OSError: The folder cannot be written; what was there before is whole.
    """
    command = command or _command(experiment, preset, seed)
    shown, lost = _written(folder, report)
    report = replace(report, notes=[*report.notes, *lost])
    record = {
        "experiment": experiment,
        "preset": preset,
        "seed": seed,
        "items": {"used": report.used, "expected": report.expected},
        "seconds": round(seconds, 2),
        "peak_rss_mb": round(peak_rss_mb, 1),
        "params": params,
        **as_json(report),
        **{"environment": dict(environment), "git_commit": environment.get("git_commit"), "command": command},
    }
    write_json(folder / JSON, record, indent=2)
    facts = _facts(folder, report, record, command)
    curves = journal.curves(folder / journal.NAME) if curves is None else curves
    return write_text(folder / HTML, page(facts, report, shown, curves=curves, card=card, limits=limits))


def _facts(folder: Path, report: Report, record: Mapping[str, Any], command: str) -> Facts:
    return Facts(
        verdict=verdict(report),
        learned=verdict(report) == LEARNED,
        reason=reason(report),
        summary=record,
        config=_config(folder),
        command=command,
        folder="/".join(folder.resolve().parts[-3:]),
    )


def pixels(image: Any) -> np.ndarray:
    """Return a figure's image, an array or a matplotlib figure, as uint8 (height, width, 3)."""
    if not hasattr(image, "savefig"):
        return checked_pixels(Path("figure"), image)
    buffer = BytesIO()
    image.savefig(buffer, format="png", dpi=144, bbox_inches="tight", facecolor="white")
    with Image.open(buffer) as picture:
        return np.array(picture.convert("RGB"))


def rendered(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures as pixels, each drawn once for all who show it; what cannot be drawn stays as it is."""
    drawn: list[Figure] = []
    for figure in figures:
        try:
            drawn.append(replace(figure, image=pixels(figure.image)))
        except (MmxError, ValueError, TypeError, AttributeError):
            drawn.append(figure)  # whoever shows it says why not
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
        "floor": metric.floor,
        "controls": dict(metric.controls),
        "references": dict(metric.references),
        "paper": None if metric.paper is None else {"value": metric.paper.value, "scale": metric.paper.scale},
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
        path = folder / "media" / base
        try:
            shown.append(_figure(path, item) if isinstance(item, Figure) else _clip(path, item))
        except (MmxError, ValueError, TypeError, AttributeError) as error:
            lost.append(f"{item.key} is not shown: {error}".replace(f"{folder}/", ""))
    return shown, lost


def _figure(base: Path, figure: Figure) -> Shown:
    return Shown("image", write_image(_suffixed(base, ".png"), pixels(figure.image)), figure.key, figure.caption)


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
    """Write a clip: `Audio`, `Video`, a pair of both, or a picture."""
    media = clip.media
    if isinstance(media, Audio):
        return Shown("audio", write_audio(_suffixed(base, ".wav"), media), clip.key, clip.caption)
    video, sound = media if isinstance(media, tuple) else (media, None)
    if isinstance(video, Video):
        return Shown("video", write_video(_suffixed(base, ".mp4"), video, sound), clip.key, clip.caption)
    return Shown("image", write_image(_suffixed(base, ".png"), media), clip.key, clip.caption)


def _suffixed(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def _file_name(key: str, taken: Container[str]) -> str:
    name = re.sub(r"[^\w.-]+", "_", key, flags=re.ASCII).strip("._")[:80] or "unnamed"
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _config(folder: Path) -> str:
    path = folder / "config.yaml"
    return redact_text(path.read_text("utf-8", errors="replace")) if path.is_file() else ""


def _command(experiment: str, preset: str, seed: int) -> str:
    chosen = "" if preset == "default" else f" --preset {preset}"
    return f"mmx run {experiment}{chosen} --seed {seed}"


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _overlap(metric: Metric) -> str:
    """Return a warning where the interval of the metric reaches a baseline."""
    if metric.ci95 is None:
        return ""
    worst = metric.ci95[0] if metric.better == "higher" else metric.ci95[1]
    sign = 1.0 if metric.better == "higher" else -1.0
    reached = [name for name, value in baselines(metric).items() if not sign * (worst - value) > 0]
    return f" Its 95 % interval includes {_and(reached)}: more items or seeds would tell." if reached else ""
