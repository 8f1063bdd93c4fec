"""All checks of one plugin: what `mmx check PLUGIN` does, and what `plugin_tests` turns into tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmx.config.merging import ENCODER_OWN
from mmx.errors import UnknownNameError, did_you_mean
from mmx.testing import Check, Finding
from mmx.testing.usage import SMOKE, experiments_of, smallest

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.plugins.commands import Command
    from mmx.plugins.loader import PluginRecord
    from mmx.registry.registry import Entry

CPU_SECONDS = 30.0
"""CPU time that a smoke run may take unless its author says otherwise."""


def plugin_checks(
    catalog: Catalog,
    plugin: str,
    *,
    cases: Mapping[str, Mapping[str, Any]] | None = None,
    raws: Mapping[str, Sequence[Any]] | None = None,
    cpu_seconds: float = CPU_SECONDS,
    runs: bool = True,
) -> list[Check]:
    """Return the checks of a plugin, in the order in which its author needs them.

    Args:
        catalog: Where the plugin is.
        plugin: Its name.
        cases: Component name -> constructor parameters to try it with; default: those of an experiment that uses it,
            else its own defaults.
        raws: Modality -> raw values to try its encoders on, for modalities or shapes that mmx cannot guess.
        cpu_seconds: CPU time that each smoke run may take.
        runs: Whether to run the smoke presets.

    Raises:
        UnknownNameError: There is no such plugin.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a check never downloads
    records = {record.name: record for record in catalog.plugins.records}
    if plugin not in records:
        raise UnknownNameError(f"no plugin {plugin!r}{did_you_mean(plugin, records)}; see: mmx plugins")
    record = records[plugin]
    if record.state != "ok":
        return [Check(f"plugin {plugin}", partial(_state, record))]
    experiments = experiments_of(catalog, plugin)
    entries = [entry for entry in catalog.plugins.registry.entries() if entry.plugin == plugin]
    checks = [
        Check(f"plugin {plugin}", partial(_state, record)),
        Check(f"import of {record.module}", partial(_import, record)),
        Check("card", partial(_card, catalog, record, experiments)),
        Check("experiments", partial(_names, catalog, plugin)),
    ]
    checks += [Check(f"{entry.kind} {entry.name}: reference", partial(_reference, entry)) for entry in entries]
    checks += [
        Check(f"{entry.kind} {entry.name}", partial(_component, catalog, entry, experiments, cases or {}, raws or {}))
        for entry in entries
    ]
    added = [command for command in catalog.plugins.commands.values() if command.plugin == plugin]
    checks += [Check(f"command {each.name}", partial(_command, each)) for each in added]
    for name in experiments:
        checks += list(_experiment(catalog, name, cpu_seconds, runs))
    return checks


def _state(record: PluginRecord) -> Iterator[Finding]:
    detail = record.problem or f"{record.origin}, {record.components} components"
    yield Finding(f"plugin {record.name} loads", record.state == "ok", record.reason or detail)
    if record.noise:
        yield Finding(f"plugin {record.name} is quiet", False, f"prints while it is imported: {record.noise[:60]!r}")


def _import(record: PluginRecord) -> Iterator[Finding]:
    from mmx.testing.light import check_import

    file = getattr(sys.modules.get(record.module), "__file__", None)
    yield from check_import(record.module, Path(file).parents[1] if file and record.module[:4] == "mmx_" else None)


def _card(catalog: Catalog, record: PluginRecord, experiments: Sequence[str]) -> Iterator[Finding]:
    from mmx.testing.cards import check_card

    papers = {info.name for info in catalog.experiments() if info.paper}
    yield from check_card(record.card, paper=bool(papers & set(experiments)))


def _names(catalog: Catalog, plugin: str) -> Iterator[Finding]:
    """Tell whether the files of experiments that the plugin brings could be read."""
    notes = [note for note in catalog.plugins.notes if note.startswith(f"plugin {plugin!r}: ")]
    yield Finding("files of experiments can be read", not notes, "; ".join(notes))


def _reference(entry: Entry) -> Iterator[Finding]:
    from mmx.registry import schema
    from mmx.registry.validation import problems

    entry.load()
    known = schema.signature(entry.target)
    faults = [] if known.summary else ["it has no docstring"]
    faults += [f"parameter {param.name} has no type" for param in known.params.values() if not param.annotation]
    defaults = {
        param.name: param.default
        for param in known.params.values()
        if not param.required and not isinstance(param.default, schema.Expression)
    }
    reserved = {"use", *(ENCODER_OWN if entry.kind == "encoder" else ())} & set(known.params)
    faults += [f"parameter {name} is a key of mmx's own in YAML; rename it" for name in sorted(reserved)]
    wrong = problems(known, defaults, name=known.target)
    faults += [f"default of {path}: {what}" for path, what in wrong if path.split(".")[0] in defaults]
    yield Finding(f"{entry.kind} {entry.name}: reference", not faults, "; ".join(faults) or known.summary)


def _command(command: Command) -> Iterator[Finding]:
    loaded = command.load()
    told = command.help or loaded.get_short_help_str()
    yield Finding(f"command {command.name}: reference", bool(told), told or "it has no line of help")


def _component(
    catalog: Catalog,
    entry: Entry,
    experiments: Sequence[str],
    cases: Mapping[str, Mapping[str, Any]],
    raws: Mapping[str, Sequence[Any]],
) -> Iterator[Finding]:
    from mmx.testing.parts.components import check_component

    yield from check_component(catalog, entry, experiments, cases, raws)


def _experiment(catalog: Catalog, name: str, cpu_seconds: float, runs: bool) -> Iterator[Check]:
    yield Check(f"experiment {name}: presets", partial(_presets, catalog, name))
    yield Check(f"experiment {name}: parts", partial(_parts, catalog, name))
    yield Check(f"experiment {name}: model", partial(_model, catalog, name))
    if runs:
        yield Check(f"experiment {name}: smoke run", partial(_run, catalog, name, cpu_seconds))


def _presets(catalog: Catalog, name: str) -> Iterator[Finding]:
    from mmx.testing.presets import check_presets

    yield from check_presets(catalog, name)
    info = next(info for info in catalog.experiments() if info.name == name)
    has = SMOKE in info.presets
    yield Finding(
        f"{name}: has a preset smoke", has, "" if has else "add presets: {smoke: {...}}: seconds, few samples"
    )


def _parts(catalog: Catalog, name: str) -> Iterator[Finding]:
    from mmx.testing.experiments import examine

    for finding in examine(smallest(catalog, name).experiment, catalog.plugins.registry):
        yield Finding(f"{name}: {finding.what}", finding.ok, finding.detail)


def _model(catalog: Catalog, name: str) -> Iterator[Finding]:
    from mmx.testing.parts.models import examine_model

    yield from examine_model(smallest(catalog, name).experiment, catalog.plugins.registry)


def _run(catalog: Catalog, name: str, cpu_seconds: float) -> Iterator[Finding]:
    from mmx.testing.runs import check_run

    yield from check_run(smallest(catalog, name), catalog.plugins, cpu_seconds)
