"""One page per paper: its card, its claims beside ours, the experiments, and the saved result of the default run.

And one page of the experiments that wire parts of several papers.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from generators import claims, collected
from generators.components import first_party
from generators.markdown import cell, code, fence, table
from generators.saved import experiments, saved
from mmx.config.catalog import ExperimentInfo
from mmx.config.sources import SHIPPED
from mmx.plugins.loader import PluginRecord
from mmx.report.terminal import tables
from mmx.types import Card, Metric, PaperValue, Report

NOT_MEASURED = "not measured"
SEVERAL = "several.md"
"""The page of experiments that belong to no paper alone."""


def papers() -> Iterator[tuple[PluginRecord, Card, Sequence[ExperimentInfo]]]:
    """Yield the plugins that reproduce a paper, oldest paper first, with their experiments."""
    found = [(record, record.card) for record in first_party().records]
    dated = [(record, card) for record, card in found if card is not None and card.year is not None]
    for record, card in sorted(dated, key=lambda pair: (pair[1].year or 0, pair[0].name)):
        own = [each for each in experiments().values() if each.plugin == record.name]
        yield record, card, sorted(own, key=lambda each: (each.name != record.name, each.name))


def overview(link: str) -> str:
    """Return the table of papers; `link` is the folder of their pages as seen from the page."""
    rows = [
        (
            f"[{cell(card.title)}]({link}{record.name}.md)",
            str(card.year),
            cell(card.summary),
            ", ".join(f"`{each.name}`" for each in own) or "parts only",
            _status(record.name, card, own),
        )
        for record, card, own in papers()
    ]
    return table(("paper", "year", "what is reproduced", "experiments", "status"), rows)


def brief(link: str) -> str:
    """Return the table of papers in short, for the first page: a row of one line each, by experiment."""
    rows = []
    for record, card, own in papers():
        names = ", ".join(code(each.name) for each in own) or cell(card.title)
        done = sum(not claims.ours(record.name, claim).startswith(NOT_MEASURED) for claim in card.claims)
        rows.append(
            (f"[{names}]({link}{record.name}.md)", str(card.year), cell(card.summary), f"{done} of {len(card.claims)}")
        )
    return table(("experiment", "year", "what is reproduced", "claims measured"), rows)


def pages() -> dict[str, str]:
    """Return file name -> content of all pages."""
    found = {SEVERAL: _several()}
    for record, card, own in papers():
        collection = dict(collected.pages(record.name, card))
        found |= {f"{record.name}.md": _page(record, card, own, collection), **collection}
    return found


def headline(name: str) -> str:
    """Return the first metric of the saved default run of an experiment in one sentence, with where it was measured."""
    report = saved(name)
    if report is None:
        return f"No result of `mmx run {name}` is saved yet.\n"
    first = report["metrics"][0]
    between = " to ".join(map(_end, first["ci95"] or ()))
    beside = [("chance", first["chance"]), ("untrained", first["untrained"])]
    for group, one in (("baselines", "baseline"), ("controls", "control")):
        if values := first.get(group):
            best = (max if first["better"] == "higher" else min)(values, key=values.__getitem__)
            beside.append((f"the best {one} `{best}`", values[best]))
    beside += [(f"the reference `{each}`", value) for each, value in (first.get("references") or {}).items()]
    words = ", ".join(f"{what} {value:.3g}" for what, value in beside if value is not None)
    older = (
        "" if first.get("baselines") else f" It is older than the baselines that `mmx run {name}` is judged beside now."
    )
    return (
        f"`{first['name']}` **{first['value']:.3g}** (95 % interval {between}); {words}. "
        f"{report['seconds']:.0f} s on {report['environment'].get('cpu_count', '?')} CPU cores, "
        f"{report['params'] / 1e6:.1f} M parameters, commit `{str(report.get('git_commit') or 'unknown')[:12]}`."
        f"{older}\n"
    )


def result(name: str) -> str:
    """Return what the saved default run of an experiment printed at its end, with the command that repeats it."""
    report = saved(name)
    if report is None:
        return f"No result of `mmx run {name}` is saved yet.\n"
    preset = "" if report["preset"] == "default" else f" --preset {report['preset']}"
    seed = f" --seed {report['seed']}" if report["seed"] else ""
    items = report["items"]
    command = report.get("command") or f"mmx run {report['experiment']}{preset}{seed}"
    shown = f"$ {command}\n{_metrics(report)}\n\nverdict: {report['verdict']}"
    judged = f" ({items['used']} of {items['expected']} items judged)\n"
    return fence(shown + judged, "console") + (
        f"\nMeasured in {report['seconds']:.0f} s and {report['peak_rss_mb'] / 1000:.1f} GB on "
        f"{report['environment'].get('cpu_count', '?')} CPU cores, with {report['params']:,} parameters and torch "
        f"{report['environment'].get('torch', '?')}, at commit `{str(report.get('git_commit') or 'unknown')[:12]}`.\n"
    )


def others(name: str, presets: Sequence[str]) -> str:
    """Return a table of the saved runs of other presets, by the first metric; empty where there are none."""
    found = [(preset, saved(name, preset)) for preset in presets]
    rows = []
    for preset, report in found:
        if report is None:
            continue
        first = report["metrics"][0]
        between = " to ".join(map(_end, first["ci95"] or ()))
        commit = code(str(report.get("git_commit") or "unknown")[:12])
        rows.append([preset, first["name"], f"{first['value']:.3g}", between, code(report["command"]), commit])
    if not rows:
        return ""
    return "Other presets:\n\n" + table(("preset", "metric", "value", "95 % interval", "command", "commit"), rows)


def _end(value: float | None) -> str:
    """Return an end of an interval; the bootstrap of a few values that differ has none."""
    return "open" if value is None else f"{value:.3g}"


def _metrics(report: Mapping[str, Any]) -> str:
    """Return the table that a run prints."""
    metrics = [
        Metric(
            **{
                **each,
                "ci95": each["ci95"] and tuple(each["ci95"]),
                "paper": each["paper"] and PaperValue(**each["paper"]),
                "gaps": {label: gap for label, gap in each.get("gaps", {}).items() if None not in gap},
            }
        )
        for each in report["metrics"]
    ]
    output = io.StringIO()
    Console(file=output, width=100, color_system=None).print(*tables(Report(metrics, **report["items"])))
    return output.getvalue().strip("\n")


def _status(plugin: str, card: Card, own: Sequence[ExperimentInfo]) -> str:
    measured = sum(not claims.ours(plugin, claim).startswith(NOT_MEASURED) for claim in card.claims)
    if measured:
        return f"{measured} of {len(card.claims)} claims measured"
    return "runs, claims not measured" if own else "no experiment yet"


def _several() -> str:
    own = [each for each in experiments().values() if each.plugin == SHIPPED]
    lead = (
        "<!-- Written by docs/build.py from registry.yaml. Do not edit. -->\n",
        "# Experiments over several papers\n",
        "What `registry.yaml` wires from parts of several papers, beside chance, untrained networks and controls.\n",
    )
    return "\n".join([*lead, *_experiments(own)])


def _page(record: PluginRecord, card: Card, own: Sequence[ExperimentInfo], collection: Mapping[str, str]) -> str:
    parts = [
        "<!-- Written by docs/build.py from the plugin's card. Do not edit. -->\n",
        f"# {card.title}\n",
        f"{card.authors}, {card.year}. <{card.url}>\n" if card.url else f"{card.authors}, {card.year}.\n",
        f"{card.summary}\n",
        "## Claims\n",
        _claims(record.name, card),
        *_experiments(own),
        *_further(record.name, collection),
        "## What differs from the paper\n",
        _bullets(card.deviations),
        "## Caveats\n",
        _bullets(card.caveats),
        "## Parts\n",
        _parts(record),
        "## Licence and citation\n",
        f"{card.licence}.\n",
        fence(card.citation) if card.citation else "",
    ]
    return "\n".join(part for part in parts if part)


def _claims(plugin: str, card: Card) -> str:
    if not card.claims:
        return "No number of the paper has been compared yet.\n"
    rows = []
    for claim in card.claims:
        words = (claim.metric, claim.paper, claims.ours(plugin, claim), claim.scale)
        where = (cell(claims.seeds(plugin, claim)), code(claims.commit(plugin, claim)))
        rows.append([*map(cell, words), code(claim.command), *where])
    return table(("metric", "paper", "ours", "scale", "command", "seeds", "commit"), rows)


def _experiments(own: Sequence[ExperimentInfo]) -> Iterator[str]:
    for each in own:
        presets = ", ".join(f"`{preset}`" for preset in ("default", *each.presets))
        yield f"## Experiment `{each.name}`\n"
        yield f"{each.summary}. Presets: {presets}.\n"
        yield result(each.name)
        yield others(each.name, each.presets)


def _further(plugin: str, collection: Mapping[str, str]) -> Iterator[str]:
    if collection:
        names = {f"{plugin}-ablations.md": "Controls and ablations", f"{plugin}-decisions.md": "Decisions"}
        yield "## Further\n"
        yield "\n".join(f"- [{title}]({name})" for name, title in names.items() if name in collection) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) + "\n" if lines else "Nothing is stated.\n"


def _parts(record: PluginRecord) -> str:
    registry = first_party().registry
    listed = [
        f"- {entry.kind} [`{entry.name}`](../reference/components.md#{_anchor(entry.name)})"
        for entry in registry.entries()
        if entry.plugin == record.name
    ]
    listed += [f"- asset `{name}`" for name in sorted(registry.assets) if name.partition("/")[0] == record.name]
    return "\n".join(listed) + "\n"


def _anchor(name: str) -> str:
    return name.replace("/", "")
