"""Names of commands, mmx's own and those of plugins; no command is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from mmx.errors import CollisionError, PluginError
from mmx.registry import target as targets
from mmx.support.text import one_line

if TYPE_CHECKING:
    import click

BUILT_IN: Final[dict[str, tuple[str, str]]] = {
    "run": ("mmx.cli.run", "Train and judge one experiment; live progress, tracked."),
    "sweep": ("mmx.cli.sweep", "Run an experiment with many values, presets and seeds; one table."),
    "prove": ("mmx.cli.prove", "Test whether an experiment is better than its controls, over several seeds."),
    "ls": ("mmx.cli.ls", "List experiments, or components of one kind."),
    "show": ("mmx.cli.show", "Show everything about one experiment or component, resolved."),
    "check": ("mmx.cli.check", "Check that an experiment would work, or that a plugin keeps every promise."),
    "runs": ("mmx.cli.runs", "List the runs of this folder with their verdicts; tag them, remove them."),
    "open": ("mmx.cli.open", "Open the report of a run, or the page over all runs, in the browser."),
    "compare": ("mmx.cli.compare", "Show runs side by side: configuration, metrics, cost."),
    "eval": ("mmx.cli.eval", "Judge a trained run again, on its data or on other data."),
    "rerun": ("mmx.cli.rerun", "Repeat a run from what it saved; report whether the numbers are equal."),
    "predict": ("mmx.cli.predict", "Use a trained run on files of your own."),
    "demo": ("mmx.cli.demo", "Serve a page on this machine to try a trained run."),
    "export": ("mmx.cli.export", "Write a run as a folder to share: safetensors, card, ONNX."),
    "ui": ("mmx.cli.ui", "Start the MLflow UI on the runs of this folder."),
    "sync": ("mmx.cli.sync", "Send what runs have journalled to the tracking server."),
    "data": ("mmx.cli.data", "Show what a corpus holds; check and pack data of your own."),
    "fetch": ("mmx.cli.fetch", "Get weights and data that live in packages, or list them."),
    "plugins": ("mmx.cli.plugins", "List plugins with their state, and why one does not load."),
    "new": ("mmx.cli.new", "Write a plugin package of your own that works at once."),
    "doctor": ("mmx.cli.doctor", "Check the environment: libraries, devices, folders, weights."),
    "completion": ("mmx.cli.completion", "Print the script that completes commands and names in your shell."),
}
"""Command name -> (module whose `command` it is, one line of help)."""
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Train and test": ("run", "sweep", "prove"),
    "Look up": ("ls", "show", "check", "data"),
    "After a run": ("runs", "open", "predict", "eval", "compare", "rerun", "demo", "export", "ui", "sync"),
    "Surroundings": ("fetch", "plugins", "new", "doctor", "completion"),
}
"""Heading in `mmx --help` -> its commands, in order; every command is in one."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Command(NamedTuple):
    """A command that a plugin adds.

    Attributes:
        name: What the user types after `mmx`.
        target: `module:attribute` of a click command.
        help: One line.
        plugin: Name of the plugin.
        distribution: Name and version of the distribution it came in.
    """

    name: str
    target: str
    help: str
    plugin: str
    distribution: str

    def load(self) -> click.Command:
        """Import and return the click command.

        Raises:
            PluginError: The module cannot be imported, has no such attribute, or that is no click command.
        """
        import click

        origin = f"command {self.name!r} of plugin {self.plugin!r} ({self.distribution})"
        command = targets.load(self.target, origin)
        if not isinstance(command, click.Command):
            raise PluginError(f"{origin}: {self.target} is no click command but a {type(command).__name__}")
        return command


class Commands(NamedTuple):
    """Interface by which one plugin adds commands.

    Attributes:
        table: The commands of all plugins so far, by name.
        plugin: Name of the plugin.
        distribution: Name and version of the distribution it came in.
    """

    table: dict[str, Command]
    plugin: str
    distribution: str

    def add(self, name: str, target: str, help: str) -> None:
        """Add a command: `commands.add("foo-export", "mmx_foo.cli:export", "One line of help.")`.

        Raises:
            PluginError: The name or target is malformed.
            CollisionError: The name is mmx's own, or another plugin's.
        """
        if not _NAME.fullmatch(name):
            raise PluginError(f"command name {name!r} must be lower-case words joined by dashes")
        if not targets.FORM.fullmatch(target):
            raise PluginError(f"target {target!r} of command {name!r} is not of the form module:attribute")
        if not isinstance(help, str):
            raise PluginError(f"help of command {name!r} must be one line of text, not {help!r}")
        if name in BUILT_IN:
            raise CollisionError(f"command {name!r} would shadow mmx's own; name it '{self.plugin}-{name}'")
        if name in self.table:
            other = self.table[name]
            raise CollisionError(
                f"command {name!r} is added twice: by {other.plugin!r} ({other.distribution}) "
                f"and {self.plugin!r} ({self.distribution})"
            )
        self.table[name] = Command(
            name, target, one_line(help.strip().partition("\n")[0]), self.plugin, self.distribution
        )
