"""Catalog of experiments: shipped, from plugins, from the user's own registry.yaml; each of them resolved on request.

Sources of one experiment, each merged over the one before: defaults of the components, the parent it `extends`, the
shipped or plugin's entry, the user's `defaults` (settings), the user's entry, the preset, overrides, flags. Listing is
light: pydantic and signatures are for resolving.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.config.measured import measured
from mmx.config.merging import NO_PRESET, check_controls, inherited, merge, with_command_line, with_preset, without
from mmx.config.saved import left_out, read_saved
from mmx.config.sources import (
    ALL_SECTIONS,
    PLUGIN_SECTIONS,
    SHIPPED,
    USER,
    RegistryFile,
    label_of,
    load,
    local_plugins,
    shipped_file,
    user_file,
)
from mmx.config.suites import members
from mmx.config.yaml_positions import Node, where
from mmx.errors import ConfigError, MmxError, PluginError, UnknownNameError, did_you_mean
from mmx.plugins.discovery import found_here

if TYPE_CHECKING:
    from mmx.config.resolve import Resolved as Resolved
    from mmx.config.trust import Trust
    from mmx.plugins.loader import Plugins

__all__ = ["Catalog", "ExperimentInfo", "Resolved"]

MAX_PARENTS: Final = 50
"""How many experiments one may extend, one through the other."""
_META: Final = ("extends", "presets", "controls")


@dataclass(frozen=True, slots=True)
class ExperimentInfo:
    """Entry of a list of experiments.

    Attributes:
        name: What `mmx run` takes: the bare name, or `plugin:name` where two plugins have it.
        summary: One sentence.
        origin: `file:line:column` of its entry.
        presets: Names of its presets besides `default`.
        paper: Title, year, ... as written; empty where there is none.
        plugin: Who brought it: `mmx`, a plugin, `user`.
        problem: Why it cannot be read, one line; empty where it can.
        controls: Those of its presets that are controls: trainings that the experiment must beat.
        preset_summaries: What each preset is, one sentence, of those that say so.
    """

    name: str
    summary: str
    origin: str
    presets: Sequence[str]
    paper: Mapping[str, Any]
    plugin: str
    problem: str = ""
    controls: Sequence[str] = ()
    preset_summaries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """Every experiment by name, and the plugins that their parts come from.

    Attributes:
        plugins: The loaded plugins.
        files: Shipped and plugins' files of experiments.
        user: The user's own file, whose entries override.
    """

    plugins: Plugins
    files: Sequence[RegistryFile]
    user: RegistryFile

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        plugin_dirs: Sequence[Path] = (),
        strict: bool = False,
        trust: Trust | None = None,
    ) -> Catalog:
        """Read all files and load the plugins.

        Args:
            folder: Where the user is; a registry.yaml there is the user's own.
            plugin_dirs: Local folders of plugins, besides those that the user's file names.
            strict: Raise at the first broken plugin or plugin's file instead of leaving it out.
            trust: Whether the plugins that the user's file names may be loaded, which runs their code; default: what
                was answered before.

        Raises:
            ConfigError: The shipped or the user's file is wrong; all problems at once.
            PluginError: A plugin is broken, with `strict`.
        """
        from mmx.config.trust import as_remembered, read
        from mmx.plugins.guarded_import import release, restrict
        from mmx.plugins.loader import load_plugins, not_installed

        folder = folder.absolute()
        wrong: list[str] = []
        own, shipped = user_file(folder), shipped_file()
        user = load(own, USER, folder, ALL_SECTIONS, wrong) if own else RegistryFile(USER, "")
        files = [load(shipped, SHIPPED, folder, ALL_SECTIONS, wrong)] if shipped else []
        local = local_plugins(user, folder, wrong)
        if wrong:
            raise ConfigError(wrong)
        named = not_installed(local)
        found = read(named)
        trusted = not named or (trust or as_remembered)(folder, named, found.digest)
        restrict({entry.folder for entry in named if entry.folder}, found.files if trusted else {})
        release([entry.folder for entry in not_installed(plugin_dirs) if entry.folder])
        seen, unseen = (local, []) if trusted else ([], local)
        plugins = load_plugins(local=[*seen, *plugin_dirs], untrusted=unseen, strict=strict)
        for plugin, file in plugins.experiment_files():
            try:
                faults: list[str] = []
                loaded = load(Path(file), plugin, folder, PLUGIN_SECTIONS, faults)
                if faults:
                    raise ConfigError(faults)
                files.append(loaded)
            except ConfigError as error:
                if strict:
                    raise PluginError(f"plugin {plugin!r}: {error.problems[0]}") from error
                plugins.notes += [f"plugin {plugin!r}: {problem}" for problem in error.problems]
        return cls(plugins, files, user)

    def experiments(self) -> Sequence[ExperimentInfo]:
        """Return all experiments, sorted by name; one that cannot be read has a `problem` and hides no other."""
        return [self._info(name) for name in self.names()]

    def names(self) -> list[str]:
        """Return the names that `resolve` takes, `plugin:name` only where a bare name means two experiments."""
        names = {name for name in self.user.experiments if ":" not in name}
        for file in self.files:
            names |= {name if len(self._owners(name)) == 1 else f"{file.plugin}:{name}" for name in file.experiments}
        return sorted(names)

    def suite(self, name: str) -> Sequence[str]:
        """Return the experiments of a suite in its order, the user's before the shipped of the same name.

        Raises:
            UnknownNameError: There is no such suite.
            ConfigError: It lists what is no experiment.
        """
        shipped = [file for file in self.files if file.plugin == SHIPPED]
        return members(name, [*shipped, self.user], self.names())

    def resolve(
        self,
        name: str,
        *,
        preset: str = NO_PRESET,
        overrides: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Resolved:
        """Return one experiment with nothing left open.

        Args:
            name: Its name, `plugin:name` where two plugins have it.
            preset: One of its presets.
            overrides: `key=value` texts.
            settings: Values of flags by the name of the setting; None means the flag was not given.

        Raises:
            UnknownNameError: There is no such experiment or preset.
            ConfigError: Everything that is wrong with it, one line each.
        """
        from mmx.config.resolve import resolve

        problems: list[str] = []
        tree = self._layered(name, problems)
        presets = tree.get("presets")
        check_controls(tree.get("controls"), presets, problems)
        tree = self._with_defaults(without(tree, _META))
        tree = with_preset(tree, name, presets, preset, problems)
        tree = with_command_line(tree, overrides, settings, problems)
        return resolve(
            tree,
            self.plugins.registry,
            name=self._full(name)[1],
            preset=preset,
            tracking=self.tracking(),
            problems=problems,
        )

    def restore(
        self,
        config: Path,
        *,
        overrides: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
        unused: Collection[str] = (),
    ) -> Resolved:
        """Return the experiment that a run saved as `config.yaml`, independent of the present registry files.

        Args:
            config: The file.
            overrides: `key=value` texts, for a run that differs.
            settings: Values of flags, as in `resolve`.
            unused: Top-level keys of which nothing will be built: what was left out there is not missed.

        Raises:
            ConfigError: The file is no saved experiment, was written by a version of another form, names what is not
                there any more, or lacks a secret, which no run folder keeps.
        """
        from mmx.config.resolve import resolve

        root = read_saved(config, label_of(config, Path.cwd()))
        names = {key: node.value for key in ("name", "preset") if (node := root.get(key)) is not None}
        problems: list[str] = []
        tree = with_command_line(without(root, ("name", "preset")), overrides, settings, problems)
        problems += left_out(without(tree, tuple(unused)))
        return resolve(
            tree,
            self.plugins.registry,
            name=names["name"],
            preset=str(names.get("preset", NO_PRESET)),
            tracking=self.tracking(),
            problems=problems,
        )

    def tracking(self) -> dict[str, Any]:
        """Return the top-level `tracking` of the registry files, the user's over the shipped."""
        files = [file for file in self.files if file.plugin == SHIPPED] + [self.user]
        return {key: node.plain() for file in files for key, node in file.section("tracking").items()}

    def measured(self) -> Mapping[tuple[str, str], float]:
        """Return (experiment, preset) -> seconds, of the runs whose results came with mmx and the plugins."""
        shipped = shipped_file()
        return measured([*([shipped] if shipped else []), *(Path(file) for _, file in self.plugins.experiment_files())])

    def _info(self, name: str) -> ExperimentInfo:
        plugin, full = self._full(name)
        problem = ""
        try:
            problems: list[str] = []
            tree = self._layered(name, problems)
            problem = problems[0] if problems else ""
        except MmxError as error:
            tree, problem = self._entries(plugin, full)[-1], str(error).partition("\n")[0]
        summary, paper, presets = (tree.get(key) for key in ("summary", "paper", "presets"))
        return ExperimentInfo(
            name,
            str(summary.value) if summary is not None and isinstance(summary.value, str) else "",
            tree.origin,
            tuple(presets.value) if presets is not None and isinstance(presets.value, dict) else (),
            paper.plain() if paper is not None and isinstance(paper.value, dict) else {},
            plugin,
            problem,
            _names(tree.get("controls")),
            _summaries(presets),
        )

    def _owners(self, name: str) -> list[str]:
        return [file.plugin for file in self.files if name in file.experiments]

    def _full(self, name: str) -> tuple[str, str]:
        """Return who brought an experiment and the name it is known by: bare wherever that is not ambiguous.

        Raises:
            UnknownNameError: Nobody brought it, or two did.
        """
        plugin, colon, bare = name.rpartition(":")
        owners = self._owners(bare)
        if colon and plugin in owners:
            return plugin, bare if len(owners) == 1 else name
        if not colon and bare in self.user.experiments:
            return (owners[0] if len(owners) == 1 else USER), bare
        if not colon and len(owners) == 1:
            return owners[0], bare
        if not colon and owners:
            choices = " or ".join(f"{owner}:{bare}" for owner in owners)
            raise UnknownNameError(f"experiment {name!r} comes from several plugins; say which: {choices}")
        failed = self.plugins.registry.failed
        hint = f"; plugins that failed to load: {', '.join(failed)} (mmx plugins)" if failed else ""
        if name not in [record.name for record in self.plugins.records]:
            hint += found_here(name)
        raise UnknownNameError(f"no experiment {name!r}{did_you_mean(name, self.names())}{hint}; see: mmx ls")

    def _entries(self, plugin: str, name: str) -> list[Node]:
        """Return the bodies of one experiment: the shipped or plugin's, then the user's."""
        bare = name.rpartition(":")[2]
        entries = [file.experiments[bare] for file in self.files if file.plugin == plugin and bare in file.experiments]
        keys = dict.fromkeys((f"{plugin}:{bare}", name))
        return entries + [self.user.experiments[key] for key in keys if key in self.user.experiments]

    def _layered(self, name: str, problems: list[str], chain: tuple[str, ...] = ()) -> Node:
        """Return an experiment laid on its parents.

        Raises:
            UnknownNameError: There is no such experiment.
            ConfigError: An experiment extends itself, or its `extends` is no name of an experiment.
        """
        plugin, full = self._full(name)
        tree: Node | None = None
        for entry in self._entries(plugin, full):
            tree = entry if tree is None else merge(tree, entry, problems)
        if tree is None:  # `_full` found it, so there is an entry
            raise UnknownNameError(f"no experiment {name!r}; see: mmx ls")
        parent = tree.get("extends")
        if parent is None or parent.value is None:
            return tree
        chain = (*chain, full)
        if len(chain) > MAX_PARENTS:
            raise ConfigError([f"{where(parent.origin)}: extends: a chain of more than {MAX_PARENTS} experiments"])
        if not isinstance(parent.value, str):
            raise ConfigError([f"{where(parent.origin)}: extends: must be the name of one experiment"])
        try:
            if self._full(parent.value)[1] in chain:
                loop = " -> ".join((*chain, parent.value))
                raise ConfigError([f"{where(parent.origin)}: extends: goes in a circle: {loop}"])
            below = self._layered(parent.value, problems, chain)
        except UnknownNameError as error:
            raise ConfigError([f"{where(parent.origin)}: extends: {error}"]) from error
        below, tree = without(below, ("extends",)), without(tree, ("extends",))
        return Node(merge(inherited(below, tree), tree, problems).value, tree.origin)

    def _with_defaults(self, tree: Node) -> Node:
        """Return the tree with the files' `defaults` for settings; what the user wrote for this experiment stays."""
        own = tree.get("settings")
        if own is not None and not isinstance(own.value, dict):
            return tree
        settings: dict[str, Node] = {}
        for file in self.files:
            settings |= file.section("defaults") if file.plugin == SHIPPED else {}
        said = own.value if own is not None else {}
        settings |= said
        specific = f"{self.user.label}:"
        for key, node in self.user.section("defaults").items():
            if key not in said or not said[key].origin.startswith(specific):
                settings[key] = node
        if not settings:
            return tree
        return Node(
            {**tree.value, "settings": Node(settings, own.origin if own is not None else tree.origin)}, tree.origin
        )


def _names(node: Node | None) -> tuple[str, ...]:
    items = node.value if node is not None and isinstance(node.value, list) else ()
    return tuple(item.value for item in items if isinstance(item.value, str))


def _summaries(presets: Node | None) -> dict[str, str]:
    bodies = presets.value if presets is not None and isinstance(presets.value, dict) else {}
    told = {name: body.get("summary") for name, body in bodies.items() if isinstance(body.value, dict)}
    return {name: node.value for name, node in told.items() if node is not None and isinstance(node.value, str)}


def __getattr__(name: str) -> Any:
    if name == "Resolved":  # its module needs pydantic, which a list does not
        from mmx.config.resolve import Resolved

        return Resolved
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
