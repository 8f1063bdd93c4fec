"""Comparison of runs as rows of text: facts, differences of configuration, metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mmx.model.meaning import CORPUS
from mmx.runs.history import Record, numbers
from mmx.support.text import shown

ABSENT: Final = "-"
_FACTS: Final = ("name", "preset", "settings.seed")
"""What every comparison shows, different or not."""

Row = list[str]


def facts(records: Sequence[Record]) -> Iterator[Row]:
    """Yield the facts and the cost of each run: a heading, then one cell per run."""
    yield ["experiment", *(str(each.config.get("name", ABSENT)) for each in records)]
    yield ["preset", *(str(each.config.get("preset", ABSENT)) for each in records)]
    yield ["seed", *(str(each.config.get("settings.seed", ABSENT)) for each in records)]
    yield ["data", *map(_data, records)]
    yield ["commit", *map(_commit, records)]
    yield ["begun", *map(_begun, records)]
    yield ["status", *(each.status for each in records)]
    yield ["seconds", *(_number(each.report.get("seconds")) for each in records)]
    yield ["memory, MB", *(_number(each.report.get("peak_rss_mb")) for each in records)]
    yield ["parameters", *(f"{each.report['params']:,}" if "params" in each.report else ABSENT for each in records)]
    yield ["items judged", *map(_items, records)]
    yield ["verdict", *(str(each.report.get("verdict", "not judged")) for each in records)]


def differences(records: Sequence[Record]) -> Iterator[Row]:
    """Yield the keys of the configuration that are not the same in all runs, with their values; seed and preset aside.

    Of a component or a stage that not all runs have, the name is enough: its parameters come with it.
    """
    keys = dict.fromkeys(key for each in records for key in each.config if key not in _FACTS)
    values = {key: [each.config.get(key, ABSENT) for each in records] for key in keys}
    differing = {key: cells for key, cells in values.items() if any(cell != cells[0] for cell in cells)}
    for key, cells in differing.items():
        there = [cell for cell in cells if cell != ABSENT]
        if any(cell != there[0] for cell in there) or not any(owner in differing for owner in _owners(key)):
            yield [key, *(ABSENT if cell == ABSENT else shown(cell) for cell in cells)]
    for place in dict.fromkeys(place for each in records for place in each.sources):
        digests = [each.sources[place].digest if place in each.sources else ABSENT for each in records]
        if ABSENT not in digests and len(set(digests)) > 1:
            yield [f"digest of {place}", *(digest[:12] for digest in digests)]


def metrics(records: Sequence[Record]) -> Iterator[Row]:
    """Yield each metric with its interval, its distance from the first run's, and every number beside it."""
    for name in dict.fromkeys(name for each in records for name in each.metrics):
        found = [each.metrics.get(name) for each in records]
        better = next(metric["better"] for metric in found if metric is not None)
        yield [f"{name} {'↑' if better == 'higher' else '↓'}", *map(_value, found)]
        if found[0] is not None:
            yield ["  beside the first", "", *(_gap(found[0], metric) for metric in found[1:])]
        beside = [{} if metric is None else numbers(metric) for metric in found]
        for key in dict.fromkeys(key for each in beside for key in each if key):
            yield [f"  {key}", *(_number(each.get(key)) for each in beside)]


def _owners(key: str) -> Iterator[str]:
    """Yield the keys that name the components and stages around a parameter."""
    steps = key.split(".")
    for depth in range(1, len(steps)):
        inside = ".".join(steps[:depth])
        yield from (owner for owner in (f"{inside}.use", f"{inside}.name") if owner != key)


def _value(metric: Mapping[str, Any] | None) -> str:
    if metric is None:
        return ABSENT
    interval = "" if metric["ci95"] is None else f" ({_number(metric['ci95'][0])} to {_number(metric['ci95'][1])})"
    return _number(metric["value"]) + interval


def _gap(first: Mapping[str, Any], metric: Mapping[str, Any] | None) -> str:
    """Return how far a metric lies from the first run's, and whether their intervals overlap."""
    if metric is None or metric["value"] is None or first["value"] is None:
        return ABSENT
    gap = metric["value"] - first["value"]
    if gap == 0:
        return "the same"
    if metric["ci95"] is None or first["ci95"] is None or None in (*metric["ci95"], *first["ci95"]):
        return f"{gap:+.3g}"
    apart = metric["ci95"][0] > first["ci95"][1] or metric["ci95"][1] < first["ci95"][0]
    return f"{gap:+.3g}, intervals {'apart' if apart else 'overlap'}"


def _commit(record: Record) -> str:
    commit = str(record.report.get("git_commit") or ABSENT)[:12]
    changed = record.report.get("environment", {}).get("git_dirty") == "yes"
    return f"{commit} with changes" if changed else commit


def _data(record: Record) -> str:
    source = record.sources.get(CORPUS)
    return ABSENT if source is None else source.digest[:12]


def _begun(record: Record) -> str:
    return ABSENT if record.begun is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(record.begun))


def _items(record: Record) -> str:
    items = record.report.get("items")
    return ABSENT if items is None else f"{items['used']} of {items['expected']}"


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4g}"
