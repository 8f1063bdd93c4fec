"""The modalities of a fused experiment on a page: one chart and one table of what each gives and learns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from mmx.report.svg import curves, number, value_bars

Curves = Mapping[str, Sequence[tuple[int, float]]]
_KEY: Final = re.compile(
    r"train/([^/]+)/(?:update\d+_)?modality/(.+)/(score|found|loss|ratio|gradient|update|modulation|shown)"
)
_COLUMNS: Final[Mapping[str, str]] = {
    "score": "alone, first → last",
    "found": "finds partner, first → last",
    "loss": "loss alone, first → last",
    "ratio": "over the others'",
    "gradient": "gradient norm",
    "update": "update over weight",
}
_ALONE: Final[Mapping[str, tuple[str, str]]] = {
    "score": (
        "probability of the true answer, by each modality alone, while training",
        "Alone: the mean probability of the true answer by the features of one modality, the others missing, on "
        "batches of training; over the others': divided by their mean.",
    ),
    "found": (
        "how surely each modality finds its partner in the batch, while training",
        "Finds its partner: among those of the batch, as a probability where the loss is a softmax, else the share "
        "that rank first; modalities that it is fused with are another item's. Over the others': divided by the mean "
        "of what it is fused with, or, fused with nothing, of what else is compared.",
    ),
    "loss": (
        "loss of each modality alone, while training",
        "Loss alone: on batches of training, what the modality is fused with is another item's; lower is better. Over "
        "the others': the mean of their losses divided by its own, so that above 1 means ahead.",
    ),
}
"""What a modality alone is measured by -> title of its chart, and what it means."""
_NOTHING: Final = "—"
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
    _trained_apart(seen)
    columns = _columns(seen)
    head = ["modality", *(_COLUMNS[key] for key in columns)]
    rows = [[name, *_training(seen.get(name, {}), columns)] for name in names]
    if test:
        head += [_CHANGES[key] for key in _changes(test)]
        rows = [[*row, *_test(row[0], test)] for row in rows]
    told = "".join(f"<th scope=col>{escape(title)}</th>" for title in head)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{told}</tr></thead><tbody>{body}</tbody></table>"
    return f"{_chart(seen, test)}<div class=scroll>{table}</div><p class=hint>{escape(_hint(seen, names, test))}</p>"


def _by_modality(found: Curves) -> dict[str, dict[str, Sequence[tuple[int, float]]]]:
    """Return encoder -> number -> points, of the last stage that measured it.

    Losses of one stage are none of another: they, and ratios beside them, are of the last stage alone that has them.
    """
    seen: dict[str, dict[str, Sequence[tuple[int, float]]]] = {}
    keys = [(matched, points) for key, points in found.items() if points and (matched := _KEY.fullmatch(key))]
    last = next((matched[1] for matched, _ in reversed(keys) if matched[3] == "loss"), None)
    stages = {matched[1] for matched, _ in keys if matched[3] == "loss"}
    for matched, points in keys:
        if matched[1] == last or (matched[3] != "loss" and not (matched[3] == "ratio" and matched[1] in stages)):
            seen.setdefault(matched[2], {})[matched[3]] = points
    return seen


def _trained_apart(seen: dict[str, dict[str, Sequence[tuple[int, float]]]]) -> None:
    """Add ratios of the last scores, where each modality was scored in a stage of its own."""
    scores = {name: numbers["score"][-1] for name, numbers in seen.items() if "score" in numbers}
    if len(scores) < 2 or any("ratio" in numbers for numbers in seen.values()):
        return
    for name, (step, score) in scores.items():
        others = [other for key, (_, other) in scores.items() if key != name]
        if sum(others) > 0:
            seen[name]["ratio"] = [(step, score * len(others) / sum(others))]


def _columns(seen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what was measured in training; of what a modality alone is measured by, that which most of them have."""
    counts = {key: sum(key in numbers for numbers in seen.values()) for key in _COLUMNS}
    # Of as many, what was measured to a later step.
    latest = {
        key: max((numbers[key][-1][0] for numbers in seen.values() if key in numbers), default=0) for key in _ALONE
    }
    kind = max(_ALONE, key=lambda key: (counts[key], latest[key]))
    return [key for key, count in counts.items() if count and (key not in _ALONE or key == kind)]


def _chart(seen: Mapping[str, Mapping[str, Any]], test: Mapping[str, Any] | None) -> str:
    for kind in _columns(seen)[:1]:
        alone = {name: numbers[kind] for name, numbers in seen.items() if kind in numbers}
        if kind in _ALONE and len(alone) > 1 and all(len(points) > 1 for points in alone.values()):
            return curves(_ALONE[kind][0], alone)
    gradients = {name: numbers["gradient"] for name, numbers in seen.items() if "gradient" in numbers}
    if not test and len(gradients) > 1:
        return curves("gradient norm of each encoder", gradients)
    if not test:
        return ""
    bars = [("ours", "all modalities", test["own"], None)]
    key, words = ("removed", "without") if _changes(test)[0] == "removed" else ("shuffled", "shuffled")
    bars += [("control", f"{words} {name}", each[key], None) for name, each in test["without"].items()]
    return value_bars(f"{test['measure']} at test", [bar for bar in bars if bar[2] is not None], wide=False)


def _training(numbers: Mapping[str, Sequence[tuple[int, float]]], columns: Sequence[str]) -> list[str]:
    cells = []
    for key in columns:
        points = numbers.get(key, ())
        first, last = (number(points[0][1]), number(points[-1][1])) if points else ("", _NOTHING)
        cells.append(f"{first} → {last}" if key in ("ratio", *_ALONE) and len(points) > 1 else last)
    return cells


def _test(name: str, test: Mapping[str, Any]) -> list[str]:
    changed = test["without"].get(name, {})
    return [_NOTHING if changed.get(key) is None else number(changed[key]) for key in _changes(test)]


def _changes(test: Mapping[str, Any]) -> list[str]:
    """Return the changes that something was measured with."""
    return [key for key in _CHANGES if any(each.get(key) is not None for each in test["without"].values())]


def _hint(seen: Mapping[str, Any], names: Sequence[str], test: Mapping[str, Any] | None) -> str:
    columns = _columns(seen)
    told = [_ALONE[key][1] for key in columns[:1] if key in _ALONE]
    if seen:
        told.append(
            "Gradient norm and update over weight: of the encoder, or of the fuser's parts that serve it alone, at the "
            "last look."
        )
    told += _reasons(seen, names, columns, test)
    if test:
        told.append(
            f"The last columns: {test['measure']} at test ({number(test['own'])} with everything, {test['items']} "
            f"items; {test['better']} is better), with the modality "
            f"{', '.join(_CHANGES[key] for key in _changes(test))}; noise is as large as the input itself."
        )
    return " ".join(told)


def _reasons(
    seen: Mapping[str, Any], names: Sequence[str], columns: Sequence[str], test: Mapping[str, Any] | None
) -> list[str]:
    """Return why cells are empty, a sentence for each kind of them."""

    def lacking(key: str) -> str:
        return ", ".join(name for name in names if key not in seen.get(name, {}))

    told = []
    if columns and columns[0] not in _ALONE:
        told.append("Alone: no loss of this training fuses or compares modalities that could be asked for one by one.")
    elif columns and (without := lacking(columns[0])):
        told.append(f"{_NOTHING} alone: the loss compares with {without}, or with what it is fused with.")
    if "gradient" in columns and (without := lacking("gradient")):
        told.append(f"{_NOTHING} gradient and update: no weights of {without} alone learned.")
    if test:
        noiseless = [name for name, changed in test["without"].items() if changed.get("noised") is None]
        if noiseless:
            told.append(f"No noise is added to {', '.join(noiseless)}: ids, to which nothing can be added.")
        if kept := [name for name, changed in test["without"].items() if changed.get("removed") is None]:
            told.append(f"Not removed: {', '.join(kept)}, without which this loss has nothing to compare.")
    return told
