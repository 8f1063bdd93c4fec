"""Guarded loading of plugins: one broken plugin costs one line, never the program.

    entry point ──import──▶ MMX_API ──▶ hooks ──▶ pluggy ──▶ mmx_register ──▶ mmx_commands ──▶ ok
                    └──────────┴─────────┴──any error──┴──────────┴──▶ rolled back; the record holds what, where, why

Plugins that come with mmx are loaded in the same way as all others. Variables of the environment, lists with commas:

    MMX_PLUGINS           of the plugins that were installed separately, only these (empty: none of them)
    MMX_DISABLE_PLUGINS   not these, whoever they come from
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

import pluggy

from mmx.errors import CollisionError, PluginError, did_you_mean
from mmx.plugins import discovery, hookspecs
from mmx.plugins.commands import Command, Commands
from mmx.plugins.discovery import EntryPoint
from mmx.plugins.faults import MAX_API, WrongApiError, check_api, check_hooks, import_fault, quiet
from mmx.plugins.slow_import import Patience
from mmx.registry.registry import Registrar, Registry
from mmx.support.signals import CtrlC, Interrupted
from mmx.support.text import LONGEST, describe, kind_of, message_of, one_line
from mmx.types import Card

__all__ = ["Command", "Commands", "PluginRecord", "Plugins", "State", "load_plugins"]

State = Literal["ok", "disabled", "broken", "wrong api", "collision", "untrusted"]
HEAVY: Final = ("torch", "numpy", "mlflow", "transformers")
"""Packages that a plugin's top module must not import: they cost more than all the rest of `mmx ls`."""


@dataclass(slots=True)
class PluginRecord:
    """What became of one plugin.

    Attributes:
        name: Entry-point name, or the name of a local package without `mmx_`.
        module: Import name of its package.
        distribution: Name of the distribution, or "local folder".
        version: Version of the distribution.
        api: The `MMX_API` it was written for; None if it never got so far.
        state: "ok", or what is the matter.
        reason: One line; empty for "ok".
        phase: Where it failed: "discovery", "import", "api", "card", "hooks", "register", "commands", or a hook's name.
        seconds: Time that importing and registering took.
        components: Number of registered components and assets.
        experiments: Number of experiments; counted by whoever reads the plugin's YAML.
        heavy: Heavy packages that were first imported by this plugin's own import.
        noise: What it printed while it was imported.
        card: Its card.
        traceback: Of the error, for `-v`.
    """

    name: str
    module: str
    distribution: str
    version: str = ""
    api: int | None = None
    state: State = "ok"
    reason: str = ""
    phase: str = ""
    seconds: float = 0.0
    components: int = 0
    experiments: int = 0
    heavy: tuple[str, ...] = ()
    noise: str = ""
    card: Card | None = None
    traceback: str = ""

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def problem(self) -> str:
        """One line about a plugin that does not work; empty for one that does, or that the user switched off."""
        if self.state in ("ok", "disabled"):
            return ""
        return f"plugin {self.name!r} ({self.origin}) is {_WORDS[self.state]}: {self.reason}"


_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_WORDS = {
    "broken": "broken",
    "wrong api": "for another API",
    "collision": "in a collision",
    "untrusted": "not trusted",
}
UNTRUSTED: Final = "registry.yaml in this folder names it; to trust it, which runs its code: mmx --trust-plugins ls"
"""Why a plugin that nobody trusted is not loaded."""


@dataclass(slots=True)
class Plugins:
    """All plugins: what they registered, what became of each, and the way to call their hooks.

    Attributes:
        registry: Components and assets.
        records: One per plugin that was found, in order of name.
        commands: Commands that plugins add, by name.
        notes: Problems that belong to no single plugin (a name in MMX_PLUGINS that is not installed).
        strict: Whether a broken plugin raises.
    """

    registry: Registry = field(default_factory=Registry)
    records: list[PluginRecord] = field(default_factory=list)
    commands: dict[str, Command] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    strict: bool = False
    _manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager("mmx"))
    _loaded: dict[str, PluginRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._manager.add_hookspecs(hookspecs)

    @property
    def problems(self) -> list[str]:
        """One line per problem, now: a hook that raises later adds its own."""
        return [record.problem for record in self.records if record.problem] + self.notes

    def experiment_files(self) -> Sequence[tuple[str, Path]]:
        """Return (plugin, YAML file) of all experiments that plugins bring; a file that is not there is a problem."""
        files: list[tuple[str, Path]] = []
        for plugin, paths in sorted(self.call("mmx_experiments"), key=lambda result: result[0]):
            try:
                found = [Path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
            except (Exception, SystemExit, GeneratorExit) as error:
                text = f"mmx_experiments returned {kind_of(paths)}; it must return paths of files: {describe(error)}"
                self._fail(self._loaded[plugin], "mmx_experiments", PluginError(text))
                continue
            for path in found:
                if path.is_file():
                    files.append((plugin, path))
                else:
                    self._fail(self._loaded[plugin], "mmx_experiments", PluginError(f"no file {path}"))
        return files

    def call(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a hook's implementations one at a time and return (plugin, result) for results that are not None.

        An implementation that raises is recorded, and its plugin's hooks are not called again in this process; what it
        registered stays, since built parts may be in use.

        Raises:
            PluginError: One raised, and the plugins were loaded with `strict`.
        """
        results = []
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            values = [arguments[name] for name in implementation.argnames]
            ctrl_c = CtrlC()
            try:
                with ctrl_c.noticed():
                    value = implementation.function(*values)
                    if isinstance(value, Iterator):
                        value = list(value)  # what a generator raises belongs to the plugin, not to whoever iterates
            except BaseException as error:
                if ctrl_c.pressed or isinstance(error, Interrupted):
                    raise  # a signal that arrived while the plugin was busy
                self._fail(self._loaded[implementation.plugin_name], hook, error)
                continue
            if value is not None:
                results.append((implementation.plugin_name, value))
        return results

    def load(self, entry: EntryPoint) -> None:
        """Load one plugin; whatever goes wrong is rolled back and recorded.

        Raises:
            PluginError: Something went wrong, and the plugins are loaded with `strict`.
        """
        record = PluginRecord(entry.name, entry.module, entry.distribution, entry.version)
        self.records.append(record)
        self._loaded[entry.name] = record
        start = time.perf_counter()
        ctrl_c = CtrlC()
        try:
            with ctrl_c.noticed():
                self._load(entry, record)
        except BaseException as error:
            if ctrl_c.pressed:
                raise
            self.registry.drop(entry.name)
            for name in [name for name, command in self.commands.items() if command.plugin == entry.name]:
                del self.commands[name]
            if record.phase == "import" and not isinstance(error, PluginError):
                record.reason = import_fault(entry, error)
            self._fail(record, record.phase, error)
        finally:
            record.seconds = time.perf_counter() - start
        record.components = sum(item.plugin == entry.name for item in self.registry.entries())
        record.components += sum(name.partition("/")[0] == entry.name for name in self.registry.assets)

    def skip(self, entry: EntryPoint, state: State, reason: str) -> None:
        """Record a plugin that is not going to be imported.

        Raises:
            PluginError: That is a fault, and the plugins are loaded with `strict`.
        """
        record = PluginRecord(entry.name, entry.module, entry.distribution, entry.version, phase="discovery")
        record.state, record.reason = state, reason
        self.records.append(record)
        if self.strict and record.problem:
            raise PluginError(record.problem)

    def _load(self, entry: EntryPoint, record: PluginRecord) -> None:
        record.phase = "import"
        module = _import(entry, record)
        record.phase = "api"
        record.api = api if type(api := getattr(module, "MMX_API", 1)) is int and 0 <= api <= MAX_API else None
        check_api(module)
        record.phase = "card"
        record.card = getattr(module, "CARD", None)
        if record.card is not None and not isinstance(record.card, Card):
            record.card = None
            raise PluginError("CARD is not an mmx.Card")
        record.phase = "hooks"
        if other := self._manager.get_name(module):
            raise CollisionError(f"its module {entry.module} is loaded already, as plugin {other!r}")
        check_hooks(self._manager, module)
        self._manager.register(module, entry.name)
        record.phase = "register"
        self._call_own(entry.name, "mmx_register", Registrar(self.registry, entry.name, entry.origin))
        record.phase = "commands"
        self._call_own(entry.name, "mmx_commands", Commands(self.commands, entry.name, entry.origin))
        record.phase = ""

    def _call_own(self, plugin: str, hook: str, registrar: Registrar | Commands) -> None:
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == plugin:
                value = implementation.function(*[registrar for _ in implementation.argnames])
                if isinstance(value, Iterator):
                    list(value)  # a generator does nothing until it is run

    def _fail(self, record: PluginRecord, phase: str, error: BaseException) -> None:
        if self._manager.has_plugin(record.name):
            self._manager.unregister(name=record.name)
        record.phase = phase
        record.state = _state(error)
        if not record.reason:
            told = isinstance(error, PluginError)  # its message is complete
            record.reason = one_line(message_of(error)) if told else f"{phase}: {describe(error)}"
        record.traceback = _traceback(error)
        if self.strict:
            raise PluginError(record.problem) from error


def load_plugins(
    *,
    local: Sequence[Path] = (),
    untrusted: Sequence[Path] = (),
    strict: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Plugins:
    """Find and load all plugins: those that are installed, and those in the `local` folders.

    Args:
        local: Folders that are, or that hold, packages `mmx_*`; never searched for, only taken when named.
        untrusted: The same, but what is in them is only recorded: not a line of it runs.
        strict: Raise at the first plugin that does not work.
        environ: Where MMX_PLUGINS and MMX_DISABLE_PLUGINS are looked up.

    Raises:
        PluginError: A plugin does not work, and `strict` was asked for.
    """
    plugins = Plugins(strict=strict)
    entries = discovery.installed() + list(_local_entries(plugins, local))
    unseen = [entry for entry in _local_entries(plugins, untrusted) if entry not in entries]
    wanted = []
    for entry in [*entries, *unseen]:
        if reason := _switched_off(entry, environ):
            plugins.skip(entry, "disabled", reason)
        elif entry in unseen:
            plugins.skip(entry, "untrusted", UNTRUSTED)
        else:
            wanted.append(entry)
    with Patience("to go on without it: MMX_DISABLE_PLUGINS={name}") as patience:
        for entry in wanted:
            rivals = [other for other in wanted if other.name == entry.name]
            ours = [other for other in rivals if other.built_in]
            if not _NAME.fullmatch(entry.name):
                plugins.skip(entry, "broken", f"its name {entry.name!r} is not made of a-z, 0-9, _ and -")
            elif len(rivals) > 1 and ours != [entry]:
                plugins.skip(entry, "collision", _claimed(entry.name, rivals, ours))
            else:
                patience.on(entry.name, f"plugin {entry.name!r} ({entry.origin}), which is still being imported")
                plugins.load(entry)
    plugins.records.sort(key=lambda record: (record.name, record.distribution))
    plugins.registry.scanned = [record.name for record in plugins.records if record.state == "ok"]
    plugins.registry.failed = sorted({record.name for record in plugins.records if record.problem})
    plugins.notes += _unknown_names({entry.name for entry in [*entries, *unseen]}, environ)
    return plugins


def _claimed(name: str, rivals: Sequence[EntryPoint], ours: Sequence[EntryPoint]) -> str:
    """Return why a name that several distributions claim is not loaded; plugins of mmx itself are never displaced."""
    if len(ours) == 1:
        return f"the name {name!r} belongs to {ours[0].origin}, which keeps it"
    claims = " and ".join(sorted(rival.origin for rival in rivals))
    return f"the name {name!r} is claimed by {claims}; none is loaded, uninstall all but one"


def _local_entries(plugins: Plugins, folders: Sequence[Path]) -> Iterator[EntryPoint]:
    for folder in dict.fromkeys(path.expanduser().resolve() for path in folders):
        if not discovery.local(folder):
            reason = f"no package mmx_* in {folder}" if folder.is_dir() else f"there is no folder {folder}"
            plugins.skip(EntryPoint(folder.name, "", discovery.LOCAL, folder=folder), "broken", reason)
    yield from not_installed(folders)


def not_installed(folders: Sequence[Path]) -> list[EntryPoint]:
    """Return the plugins in local folders, each once, without those that an editable install already imports."""
    installed = {(entry.name, entry.module) for entry in discovery.installed()} if folders else set()
    found = dict.fromkeys(entry for folder in folders for entry in discovery.local(folder))
    return [entry for entry in found if (entry.name, entry.module) not in installed or not _is_source(entry)]


def _is_source(entry: EntryPoint) -> bool:
    """Whether the local package is what an editable install of the same name already imports."""
    spec = importlib.util.find_spec(entry.module)
    return bool(spec and entry.folder and _is_in(entry.folder, spec.origin))


def _is_in(folder: Path, init: str | None) -> bool:
    """Whether `init` is the `__init__.py` of a package right in `folder`."""
    return init is not None and Path(init).resolve().parent.parent == folder


def _import(entry: EntryPoint, record: PluginRecord) -> ModuleType:
    before = {name for name in HEAVY if name in sys.modules}
    depth = sys.getrecursionlimit()
    here = os.getcwd()  # noqa: PTH109  # a text: nothing is made of it unless a plugin goes elsewhere
    if entry.folder and str(entry.folder) not in sys.path:
        sys.path.append(str(entry.folder))  # last: nothing in that folder may stand in for an installed package
    try:
        with quiet() as kept:
            module = importlib.import_module(entry.module)
    finally:
        if os.getcwd() != here:  # noqa: PTH109
            os.chdir(here)
        sys.setrecursionlimit(max(depth, sys.getrecursionlimit()))
        record.noise = "".join(kept).strip()
        record.heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)
    if entry.folder and not _is_in(entry.folder, module.__file__):
        raise PluginError(f"{entry.module} was imported from {module.__file__}, not from {entry.folder}")
    return module


def _switched_off(entry: EntryPoint, environ: Mapping[str, str]) -> str:
    if entry.name in _names(environ.get("MMX_DISABLE_PLUGINS", "")):
        return "named in MMX_DISABLE_PLUGINS"
    allowed = environ.get("MMX_PLUGINS")
    if allowed is not None and not entry.built_in and not entry.folder and entry.name not in _names(allowed):
        return "not named in MMX_PLUGINS"
    return ""


def _unknown_names(known: set[str], environ: Mapping[str, str]) -> Iterator[str]:
    for variable in ("MMX_PLUGINS", "MMX_DISABLE_PLUGINS"):
        for name in _names(environ.get(variable, "")):
            if name not in known:
                yield f"{variable} names {one_line(name)!r}, which is not installed{did_you_mean(name, known)}"


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _traceback(error: BaseException) -> str:
    """Return the end of an error's traceback, which asks classes of the plugin what they are called."""
    import traceback

    try:
        return "".join(traceback.format_exception(error))[-LONGEST:]
    except BaseException as second:
        return f"the traceback cannot be shown: {describe(second)}"


def _state(error: BaseException) -> State:
    if isinstance(error, WrongApiError):
        return "wrong api"
    return "collision" if isinstance(error, CollisionError) else "broken"
