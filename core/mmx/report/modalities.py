"""The modalities of a fused experiment on a page: one chart and one table of what each gives and learns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from mmx.report.svg import curves, number, value_bars

Curves = Mapping[str, Sequence[tuple[int, float]]]
_KEY: Final = re.compile(r"train/([^/]+)/(?:update\d+_)?modality/(.+)/(score|ratio|gradient|update|modulation|shown)")
_COLUMNS: Final[Mapping[str, str]] = {
    "score": "alone, first → last look",
    "ratio": "alone, over the others'",
    "gradient": "gradient norm",
    "update": "update over weight",
}
_CHANGES: Final[Mapping[str, str]] = {"removed": "without it", "shuffled": "another item's", "noised": "in noise"}


def section(found: Curves, test: Mapping[str, Any] | None) -> str:
    """Return the chart and the table; empty for a model of one modality.

    Args:
        found: Key -> points over steps; `train/STAGE/modality/ENCODER/NUMBER` are the monitor's.
        test: What each contributes at test (`modalities` of report.json), or None.
    """
    seen = _by_modality(found)
    names = list(dict.fromkeys([*seen, *(test["without"] if test else ())]))
    if len(names) < 2:
        return ""
    head = ["modality", *(title for key, title in _COLUMNS.items() if any(key in seen.get(name, {}) for name in names))]
    rows = [[name, *_training(seen.get(name, {}), seen)] for name in names]
    if test:
        head += [_CHANGES[key] for key in _changes(test)]
        rows = [[*row, *_test(row[0], test)] for row in rows]
    told = "".join(f"<th scope=col>{escape(title)}</th>" for title in head)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{told}</tr></thead><tbody>{body}</tbody></table>"
    return f"{_chart(seen, test)}<div class=scroll>{table}</div><p class=hint>{escape(_hint(seen, test))}</p>"


def _by_modality(found: Curves) -> dict[str, dict[str, Sequence[tuple[int, float]]]]:
    """Return encoder -> number -> points, of the last stage that monitored it."""
    seen: dict[str, dict[str, Sequence[tuple[int, float]]]] = {}
    for key, points in found.items():
        matched = _KEY.fullmatch(key)
        if matched and points:
            seen.setdefault(matched[2], {})[matched[3]] = points
    return seen


def _chart(seen: Mapping[str, Mapping[str, Any]], test: Mapping[str, Any] | None) -> str:
    scores = {name: numbers["score"] for name, numbers in seen.items() if "score" in numbers}
    if len(scores) > 1 and all(len(points) > 1 for points in scores.values()):
        return curves("probability of the true answer, by each modality alone, while training", scores)
    gradients = {name: numbers["gradient"] for name, numbers in seen.items() if "gradient" in numbers}
    if not test and len(gradients) > 1:
        return curves("gradient norm of each encoder", gradients)
    if not test:
        return ""
    bars = [("ours", "all modalities", test["own"], None)]
    key, words = ("removed", "without") if _changes(test)[0] == "removed" else ("shuffled", "shuffled")
    bars += [("control", f"{words} {name}", each[key], None) for name, each in test["without"].items()]
    return value_bars(f"{test['measure']} at test", [bar for bar in bars if bar[2] is not None], wide=False)


def _training(numbers: Mapping[str, Sequence[tuple[int, float]]], seen: Mapping[str, Any]) -> list[str]:
    cells = []
    for key in _COLUMNS:
        if not any(key in each for each in seen.values()):
            continue
        points = numbers.get(key, ())
        first, last = (number(points[0][1]), number(points[-1][1])) if points else ("", "")
        cells.append(f"{first} → {last}" if points and key in ("score", "ratio") and len(points) > 1 else last)
    return cells


def _test(name: str, test: Mapping[str, Any]) -> list[str]:
    changed = test["without"].get(name, {})
    return ["" if changed.get(key) is None else number(changed[key]) for key in _changes(test)]


def _changes(test: Mapping[str, Any]) -> list[str]:
    """Return the changes that something was measured with."""
    return [key for key in _CHANGES if any(each.get(key) is not None for each in test["without"].values())]


def _hint(seen: Mapping[str, Any], test: Mapping[str, Any] | None) -> str:
    told = []
    if any("score" in numbers for numbers in seen.values()):
        told.append(
            "Alone: the mean probability of the true answer by the features of one modality, the others missing, "
            "on batches of training; over the others': divided by their mean."
        )
    if seen:
        told.append("Gradient norm and update over weight: of the encoder, at the last look.")
    if test:
        told.append(
            f"The last columns: {test['measure']} at test ({number(test['own'])} with everything, {test['items']} "
            f"items; {test['better']} is better), with the modality "
            f"{', '.join(_CHANGES[key] for key in _changes(test))}; noise is as large as the input itself."
        )
    return " ".join(told)
