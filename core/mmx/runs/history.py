"""Runs on disk: lookup by name, configuration, outcome, and differences between two of them."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.config.saved import read_saved
from mmx.config.yaml_positions import leaves
from mmx.errors import DataError, did_you_mean
from mmx.model.meaning import CORPUS, Source, read_sources
from mmx.support import run_files
from mmx.support.redact import redact_values
from mmx.support.text import one_line, printable, shown
from mmx.tracking import journal
from mmx.types import Metric

if TYPE_CHECKING:
    from mmx.plugins.loader import Plugins

STARTED: Final = ".started"
"""In the folder of runs: one run per line, in the order of their starts, which clocks do not know."""
EXPORTED: Final = "exported"
"""Status of a folder that `mmx export` wrote."""
_USABLE: Final = ("completed", EXPORTED)
TRAINED: Final = "trained"
"""Folder beside a plugin's file of experiments: one exported run per experiment, in a folder of its name."""
SHIPPED: Final = "shipped"
"""Id of a copy of such a run among one's own."""
_TAIL: Final = 65_536
"""Bytes at the end of a journal that hold its last status."""
_METRIC: Final = frozenset(
    ("name", "value", "ci95", "better", "chance", "untrained", "baselines", "controls", "references")
)
"""What a metric of a report has."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run as its folder tells it.

    Attributes:
        folder: The run folder.
        config: Dotted path -> value of the resolved experiment; stages are called by name, secrets are hidden.
        report: The content of `report.json`; empty where the run was not judged.
        status: "completed", "failed", "interrupted", "exported", or "unknown" where the journal does not say.
        begun: Wall-clock seconds, None where the journal does not say.
        problems: What of the report cannot be used and was left out, one line each.
        sources: Place in the experiment -> the corpus that was there; empty where the run did not say.
    """

    folder: Path
    config: Mapping[str, Any]
    report: Mapping[str, Any]
    status: str
    begun: float | None
    problems: Sequence[str] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """The report's metrics by name."""
        return {metric["name"]: metric for metric in self.report.get("metrics", ())}


def find_run(text: str, runs: Path, experiment: str | None = None, *, finished: bool = False) -> Path:
    """Return the run folder that `text` means; of several the one that was started last.

    Args:
        text: A folder, an id, "latest", an experiment (`soundnet`, `soundnet/latest`), `soundnet/ID`, or a tag.
        runs: Where run folders are.
        experiment: Look among its runs only.
        finished: Of an experiment, a tag or "latest", pass over runs that have not ended as completed: their weights
            are not, or not all, there. A folder and an id are taken as they are.

    Raises:
        DataError: There is no such run.
    """
    direct = Path(text)
    if text and (direct / run_files.CONFIG).is_file():
        return direct.absolute()
    found = run_folders(runs, experiment)
    owner, slash, name = text.rpartition("/")
    among = [each for each in found if not slash or each.parent.name == owner]
    exact = [each for each in among if each.name == name]
    if exact:
        return exact[-1].absolute()
    several = [each for each in among if name == "latest" or (not slash and each.parent.name == name)]
    several = several or [each for each in among if not slash and name in read_tags(each)]
    chosen = [each for each in several if status_of(each) in _USABLE] if finished else several
    if not several:
        known = [path.name for path in found]
        hint = did_you_mean(text, [*known, *dict.fromkeys(path.parent.name for path in found)])
        told = hint or f"; a run is a folder with {run_files.CONFIG} in it, e.g. {runs}/NAME/ID, see: mmx runs"
        raise DataError(f"no run {text!r} under {runs}{told}")
    if not chosen:
        last = several[-1]
        told = f"the last one, {last.parent.name}/{last.name}, is {status_of(last)}"
        raise DataError(f"no run of {text!r} under {runs} has finished: {told}; continue it: mmx run --resume {last}")
    return chosen[-1].absolute()


def shipped(plugins: Plugins) -> Mapping[str, Path]:
    """Return experiment -> folder of the trained run that its plugin brings."""
    found: dict[str, Path] = {}
    for _, file in plugins.experiment_files():
        for config in sorted((Path(file).parent / TRAINED).glob(f"*/{run_files.CONFIG}")):
            found.setdefault(config.parent.name, config.parent)
    return found


def find_trained(text: str, runs: Path, plugins: Callable[[], Plugins]) -> Path:
    """Return the finished run that `text` means: one's own, or else the one that comes with the plugin.

    Args:
        text: As in `find_run`; of shipped runs, the name of the experiment.
        runs: Where run folders are.
        plugins: Opens the plugins; called only where there is no run of one's own.

    Raises:
        DataError: There is neither.
    """
    try:
        return find_run(text, runs, finished=True)
    except DataError:
        folder = shipped(plugins()).get(text)
        if folder is None:
            raise
        return folder


def copy_shipped(folder: Path, runs: Path) -> tuple[Path, bool]:
    """Copy a shipped run among one's own, and return where it is and whether it was not there before.

    Raises:
        DataError: It cannot be written.
    """
    target = runs / folder.name / SHIPPED
    if target.exists():
        return target, False
    partial = target.with_name(f".{SHIPPED}-{os.getpid()}")  # so that no half of one is ever called by its name
    try:
        shutil.copytree(folder, partial)
        partial.replace(target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target, True


def run_folders(runs: Path, experiment: str | None = None) -> list[Path]:
    """Return the folders of all runs in the order of their starts, those whose start was not noted first, by name."""
    order = _start_order(runs)
    found = [path.parent for path in runs.glob(f"{experiment or '*'}/*/{run_files.CONFIG}") if path.is_file()]
    return sorted(found, key=lambda path: (order.get(path.relative_to(runs).as_posix(), -1), path.name))


def status_of(folder: Path) -> str:
    """Return how a run ended: "completed", "failed", "interrupted"; "unfinished" where it goes on or was killed.

    "exported" is a run that was given away as weights alone.
    """
    path = folder / run_files.JOURNAL
    if not path.exists() and (folder / run_files.WEIGHTS).is_file():
        return EXPORTED
    try:
        offset = max(0, path.stat().st_size - _TAIL)
    except OSError:
        return "unknown"
    told = "unfinished"
    for entry in journal.read(path, offset=offset):
        if entry.event == "status":
            told = printable(str(entry.fields.get("status", told)))
        elif entry.event == "start":
            told = "unfinished"
    return told


def read_tags(folder: Path) -> list[str]:
    """Return the names that a person gave a run."""
    path = folder / run_files.TAGS
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    except OSError:
        return []
    return [printable(line.strip()) for line in lines if line.strip()]


def note_start(runs: Path, folder: Path) -> None:
    """Note that the run in `folder`, below `runs`, is the last one started.

    Raises:
        OSError: It cannot be written.
    """
    with (runs / STARTED).open("a", encoding="utf-8") as file:
        file.write(f"{folder.relative_to(runs).as_posix()}\n")


def _start_order(runs: Path) -> dict[str, int]:
    try:
        lines = (runs / STARTED).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {line: number for number, line in enumerate(lines)}


def read_run(folder: Path) -> Record:
    """Read what a run left in its folder.

    Raises:
        ConfigError: Its configuration cannot be read, or was written by a version of another form.
        DataError: Its report cannot be read.
    """
    root = read_saved(folder / run_files.CONFIG, str(folder / run_files.CONFIG))
    config = {".".join(path): leaf.plain() for path, leaf in leaves(root)}
    begun, status = None, EXPORTED if status_of(folder) == EXPORTED else "unknown"
    sources = read_sources(folder) or {}
    for entry in journal.read(folder / run_files.JOURNAL):
        begun = entry.time if begun is None else begun
        status = printable(str(entry.fields.get("status", status))) if entry.event == "status" else status
        if entry.event == "dataset" and CORPUS not in sources:
            name, digest = str(entry.fields.get("name", "")), str(entry.fields.get("digest", ""))
            sources[CORPUS] = Source(name, digest, {}, {})
    problems: list[str] = []
    report = _report(folder / run_files.REPORT, problems)
    return Record(folder, redact_values(config), report, status, begun, problems, sources)


def read_report(folder: Path) -> Mapping[str, Any]:
    """Return the usable content of a run's `report.json`; empty where the run was not judged.

    Raises:
        DataError: It cannot be read.
    """
    return _report(folder / run_files.REPORT, [])


def changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `other` says differently from `one`, both as in `report.json`: every number beside every metric."""
    first, second = (list(each["metrics"]) for each in (one, other))
    if [metric["name"] for metric in first] != [metric["name"] for metric in second]:
        yield "other metrics"
    for before, after in zip(first, second, strict=False):
        mine, theirs = numbers(before), numbers(after)
        for key in [*mine, *(key for key in theirs if key not in mine)]:
            if not _equal(mine.get(key), theirs.get(key)):
                yield f"{before['name']}{key and f' ({key})'} {theirs.get(key)} instead of {mine.get(key)}"


def numbers(metric: Mapping[str, Any]) -> dict[str, float | None]:
    """Return a metric's value, under "", and all that stands beside it: "chance", "untrained", "control NAME", ..."""
    named = {key: metric[key] for key in ("chance", "untrained", "baselines", "controls", "references")}
    beside = Metric(metric["name"], metric["value"], **named).beside()
    return {"": metric["value"], **{each.label: each.value for each in beside}}


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other))


def _report(path: Path, problems: list[str]) -> Mapping[str, Any]:
    """Return what a report says; of one that was edited by hand what cannot be used is left out and named."""
    if not path.is_file():
        return {}
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as a report: {error}") from error
    if not isinstance(report, dict) or not isinstance(report.get("metrics"), list):
        raise DataError(f"{path}: cannot be read as a report: it has no list of metrics")
    metrics: list[Any] = []
    for place, metric in enumerate(report["metrics"]):
        wrong = _wrong_in(metric)
        if wrong:
            problems.append(f"{path}: metrics[{place}]: {wrong}; it is left out")
        elif metric["name"] in [each["name"] for each in metrics]:
            problems.append(f"{path}: metrics[{place}]: a second {one_line(metric['name'])}; it is left out")
        else:
            metrics.append(metric)
    unusable = [key for key, check in _FACTS.items() if key in report and not check(report[key])]
    problems += [f"{path}: {key}: {shown(report[key])} cannot be it; it is left out" for key in unusable]
    return {**{key: value for key, value in report.items() if key not in unusable}, "metrics": metrics}


def _wrong_in(metric: Any) -> str:
    """Return what is wrong with a metric of a report, nothing where it can be used."""
    if not isinstance(metric, dict):
        return f"{shown(metric)} is no metric"
    lacking = sorted(_METRIC - metric.keys())
    if lacking:
        return f"{', '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} missing"
    wrong = [key for key, check in _PARTS.items() if not check(metric.get(key))]
    return ", ".join(f"{key} cannot be {shown(metric.get(key))}" for key in wrong)


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isinstance(float(value), float)
    except OverflowError:
        return False


def _may_be_number(value: Any) -> bool:
    return value is None or _is_number(value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_may_be_number, value.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_PARTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "name": _is_text,
    "value": _may_be_number,
    "ci95": lambda value: value is None or (isinstance(value, list) and [*map(_may_be_number, value)] == [True] * 2),
    "better": lambda value: value in ("higher", "lower"),
    "chance": _may_be_number,
    "untrained": _may_be_number,
    "baselines": _are_numbers,
    "controls": _are_numbers,
    "references": _are_numbers,
    "gaps": lambda value: value is None or isinstance(value, dict),
    "units": _may_be_number,
}
"""What each part of a metric must be."""
_FACTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("experiment", "preset", "command", "verdict"), _is_text),
    **dict.fromkeys(("seconds", "peak_rss_mb", "params"), _is_number),
    "seed": lambda value: type(value) is int and abs(value) < 1 << 64,
    "git_commit": lambda value: value is None or _is_text(value),
    "environment": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "items": lambda value: isinstance(value, dict) and all(_is_number(value.get(key)) for key in ("used", "expected")),
    "media": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "notes": lambda value: isinstance(value, list) and all(map(_is_text, value)),
}
"""What the other parts of a report must be, where they are there."""
