"""Sweeps: runs of one experiment that differ in a few values, one process each, and their table."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mmx.errors import ConfigError
from mmx.support import files, run_files, threads
from mmx.support.redact import redact_text, remember
from mmx.support.text import one_line

PARENT: Final = "MMX_PARENT_RUN"
"""Environment variable with the id of the MLflow run that a run is nested in."""

_RANGE: Final = re.compile(r"(log|uniform|int)\(([^(),]+),([^(),]+)\)")
_REPORT: Final = re.compile(rf"^report:\s+(.+)[/\\]{re.escape(run_files.PAGE)}$", re.MULTILINE)
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Axis:
    """A key and the values that it takes, one after another."""

    key: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Range:
    """A key and the range that its values are drawn from.

    Attributes:
        key: Dotted key.
        kind: `log` (evenly on a logarithmic scale), `uniform`, or `int` (whole numbers, both ends included).
        low: Smallest value.
        high: Largest value.
    """

    key: str
    kind: str
    low: float
    high: float

    def draw(self, generator: random.Random) -> str:
        """Return one value as text."""
        if self.kind == "int":
            return str(generator.randint(int(self.low), int(self.high)))
        if self.kind == "log":
            return f"{math.exp(generator.uniform(math.log(self.low), math.log(self.high))):.6g}"
        return f"{generator.uniform(self.low, self.high):.6g}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep, not yet started.

    Attributes:
        number: From 1 on.
        preset: Name of the preset.
        overrides: All `key=value` texts.
        seed: Seed, or None for the experiment's own.
        shown: What distinguishes it, by column of the table; seeds are not among it.
    """

    number: int
    preset: str
    overrides: Sequence[str]
    seed: int | None
    shown: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one trial.

    Attributes:
        trial: The trial.
        folder: Its run folder, None where it made none.
        report: The content of its report.json, None where there is none.
        error: What went wrong, in one line; empty if nothing did.
        cpu_seconds: User and system time of its process and children.
    """

    trial: Trial
    folder: Path | None
    report: Mapping[str, Any] | None
    error: str
    cpu_seconds: float


@dataclass(frozen=True)
class Plan:
    """Plan of a sweep: presets, fixed overrides, axes, ranges, seeds."""

    presets: Sequence[str]
    fixed: Sequence[str]
    axes: Sequence[Axis]
    ranges: Sequence[Range]
    seeds: Sequence[int | None]

    def trials(self, draws: int, seed: int) -> list[Trial]:
        """Return every combination of presets and axes, each with `draws` draws of the ranges, each with every seed.

        Args:
            draws: Draws where there are ranges.
            seed: Of the draws: the same seed draws the same values, for every combination anew.
        """
        found: list[Trial] = []
        grids = list(itertools.product(*(axis.values for axis in self.axes)))
        for preset, values in itertools.product(self.presets, grids):
            chosen = dict(zip((axis.key for axis in self.axes), values, strict=True))
            generator = random.Random(seed)
            for _ in range(draws if self.ranges else 1):
                drawn = {each.key: each.draw(generator) for each in self.ranges}
                shown = ({"preset": preset} if len(self.presets) > 1 else {}) | chosen | drawn
                overrides = (*self.fixed, *(f"{key}={value}" for key, value in (chosen | drawn).items()))
                for own in self.seeds:
                    found.append(Trial(len(found) + 1, preset, overrides, own, shown))
        return found


def read_plan(texts: Sequence[str], presets: str, seeds: str) -> Plan:
    """Return what `key=value`, `key=a,b,c` and `key=log(1e-4,1e-1)` ask for.

    Raises:
        ConfigError: Every text that cannot be read, one line each.
    """
    problems: list[str] = []
    fixed: list[str] = []
    axes: list[Axis] = []
    ranges: list[Range] = []
    for text in texts:
        key, equals, value = text.partition("=")
        match = _RANGE.fullmatch(value)
        if not equals or not key:
            problems.append(f"override {text}: must be key=value, key=a,b,c or key=log(low,high)")
        elif match:
            ranges += _range(key, match, problems)
        else:
            values = split(value)
            if len(values) > 1 and not all(values):
                problems.append(f"override {text}: an empty value between commas")
            elif len(values) > 1:
                axes.append(Axis(key, values))
            else:
                fixed.append(text)
    names = [axis.key for axis in axes] + [each.key for each in ranges]
    problems += [f"{key}: given twice" for key in dict.fromkeys(names) if names.count(key) > 1]
    if not re.fullmatch(r"\d+(,\d+)*", seeds or "0"):
        problems.append(f"--seeds {seeds}: must be numbers joined by commas, such as 0,1,2")
    if problems:
        raise ConfigError(problems)
    numbers: Sequence[int | None] = [int(part) for part in seeds.split(",")] if seeds else [None]
    return Plan(tuple(filter(None, presets.split(","))) or ("default",), fixed, axes, ranges, numbers)


def _range(key: str, match: re.Match[str], problems: list[str]) -> list[Range]:
    try:
        low, high = float(match[2]), float(match[3])
    except ValueError:
        problems.append(f"override {key}={match[0]}: {match[2]} and {match[3]} must be numbers")
        return []
    if not low < high or (match[1] == "log" and low <= 0) or not math.isfinite(low + high):
        problems.append(
            f"override {key}={match[0]}: needs a lower and a higher number{', above 0' * (match[1] == 'log')}"
        )
        return []
    return [Range(key, match[1], low, high)]


def split(value: str) -> list[str]:
    """Return the parts of `a,b,c`; commas in brackets and quotes part nothing."""
    parts, depth, quote = [""], 0, ""
    for character in value:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += character
    return parts


@dataclass
class Sweep:
    """Runs trials as commands, some at a time; one that fails stops no other.

    Args:
        name: The experiment.
        folder: The sweep's own folder, where each run's output goes.
        runs: Where run folders go.
        arguments: Further arguments of `mmx` (before `run`) and of `run`.
        parent: The run of MLflow that all are nested in; None nests them in nothing.
        jobs: How many run at the same time.
    """

    name: str
    folder: Path
    runs: Path
    arguments: tuple[Sequence[str], Sequence[str]] = ((), ())
    parent: str | None = None
    jobs: int = 1
    stopped: bool = field(default=False, init=False)

    def run(self, trials: Sequence[Trial], ended: Callable[[Outcome], None]) -> list[Outcome]:
        """Run all trials and return how they ended, in their order.

        Ctrl-C lets the runs that are under way save and end; no further ones begin.
        """
        outcomes: dict[int, Outcome] = {}
        for given in {text for trial in trials for text in trial.overrides}:
            key, _, value = given.partition("=")
            remember({key: value})  # tables hold it away from its key
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting = [pool.submit(self._one, trial) for trial in trials]
            while len(outcomes) < len(trials):
                try:
                    for done in as_completed(waiting):
                        outcome = done.result()
                        if outcome.trial.number not in outcomes:
                            outcomes[outcome.trial.number] = outcome
                            ended(outcome)
                except KeyboardInterrupt:
                    self.stopped = True  # the runs have had the signal too
        return [outcomes[trial.number] for trial in trials]

    def command(self, trial: Trial) -> list[str]:
        """Return the command line of a trial."""
        before, after = self.arguments
        seed = [] if trial.seed is None else ["--seed", str(trial.seed)]
        preset = [] if trial.preset == "default" else ["--preset", trial.preset]
        own = ["run", self.name, *trial.overrides, *preset, *seed, "--runs", str(self.runs), "--plain", *after]
        return [sys.executable, "-P", "-m", "mmx", *before, *own]  # -P: nothing is imported from the current folder

    def _one(self, trial: Trial) -> Outcome:
        if self.stopped:
            return Outcome(trial, None, None, "not started", 0.0)
        environment = dict(os.environ)
        if self.parent:
            environment[PARENT] = self.parent
        if self.jobs > 1:
            environment.setdefault("OMP_NUM_THREADS", str(max(1, min(threads.limits().values()) // self.jobs)))
        path = self.folder / f"{trial.number:03d}.log"
        with path.open("w", encoding="utf-8") as output:
            command = self.command(trial)
            output.write(redact_text(f"$ {shlex.join(['mmx', *command[4:]])}\n"))
            output.flush()
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)  # noqa: S603
            code, seconds = _wait(process)
        said = path.read_text(encoding="utf-8", errors="replace")
        with suppress(OSError):
            files.write_text(path, said)  # without secrets, whoever printed them
        return _outcome(trial, said, code, seconds)


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Wait for a process and return its exit code and its CPU seconds."""
    if not hasattr(os, "wait4"):
        begun = time.monotonic()
        return process.wait(), time.monotonic() - begun
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime


def _outcome(trial: Trial, output: str, code: int, seconds: float) -> Outcome:
    match = _REPORT.search(output)
    folder = Path(match[1]).absolute() if match else None
    report = None
    if folder is not None and (folder / run_files.REPORT).is_file():
        report = json.loads((folder / run_files.REPORT).read_text(encoding="utf-8"))
    if code == 0 and report is not None:
        return Outcome(trial, folder, report, "", seconds)
    return Outcome(trial, folder, report, _reason(output, code), seconds)


def _reason(output: str, code: int) -> str:
    """Return why a run has no result, in one line."""
    if code in (130, 143, -2, -15):
        return "interrupted"
    told = [line.removeprefix("error: ") for line in output.splitlines() if line.startswith("error: ")]
    if told:
        return one_line(told[0])
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}, and no report"


def rows(outcomes: Sequence[Outcome], metrics: Sequence[str]) -> Iterator[list[str]]:
    """Yield the table of a sweep: a header, then one row per combination, with mean and spread over its seeds.

    Args:
        outcomes: In order.
        metrics: Names of metrics; none means the primary one.
    """
    reports = [outcome.report for outcome in outcomes if outcome.report]
    names = list(metrics) or ([reports[0]["metrics"][0]["name"]] if reports and reports[0]["metrics"] else [])
    columns = list(dict.fromkeys(key for outcome in outcomes for key in outcome.trial.shown))
    yield [*columns, "runs", *names, "verdict", "CPU s"]
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(tuple(outcome.trial.shown.get(key, "") for key in columns), []).append(outcome)
    for key, group in groups.items():
        good = [outcome.report for outcome in group if outcome.report and not outcome.error]
        values = [[_value(report, name) for report in good] for name in names]
        verdicts = dict.fromkeys([str(report["verdict"]) for report in good] + [o.error for o in group if o.error])
        seconds = statistics.mean(outcome.cpu_seconds for outcome in group)
        yield [*key, f"{len(good)}/{len(group)}", *map(_spread, values), "; ".join(verdicts), f"{seconds:.0f}"]


def _value(report: Mapping[str, Any], name: str) -> float:
    return next(
        (float(m["value"]) for m in report["metrics"] if m["name"] == name and m["value"] is not None), math.nan
    )


def _spread(values: Sequence[float]) -> str:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "-"
    spread = f" ± {statistics.stdev(known):.3f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.3f}{spread}"


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    head, *body = ([cell.replace("|", "\\|") for cell in row] for row in table)
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
