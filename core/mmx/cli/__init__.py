"""The command line: `mmx COMMAND ...`. Commands are imported when they are called, one file each.

This is the edge where errors become one line and an exit code: 2 for the user's mistakes, 1 for failures, 130 for
Ctrl-C.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.context import State, open_plugins, state_of
from mmx.errors import MmxError, did_you_mean
from mmx.plugins.commands import BUILT_IN, GROUPS
from mmx.support import threads
from mmx.support.text import describe, printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class LazyGroup(click.Group):
    """A group whose commands are a table of names; plugins are asked only for names that are not in it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return mmx's own commands, then those of plugins."""
        return [*BUILT_IN, *sorted(_plugin_commands(ctx))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command, or None."""
        if name in BUILT_IN:
            command: click.Command = import_module(BUILT_IN[name][0]).command
            return command
        added = open_plugins(ctx).commands.get(name)
        return None if added is None else added.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; a name that is unknown gets the nearest ones."""
        name = args[0]
        command = None if name.startswith("-") else self.get_command(ctx, name)
        if command is None and not name.startswith("-"):
            plugins = open_plugins(ctx)
            failed = sorted({record.name for record in plugins.records if record.problem})
            hint = f"; plugins that failed to load: {', '.join(failed)} (mmx plugins)" if failed else ""
            known = did_you_mean(name, [*BUILT_IN, *plugins.commands])
            raise click.UsageError(f"no command {name!r}{known}{hint}; see: mmx --help", ctx)
        return (name, command, args[1:]) if command else super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, from the table: none is imported."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        told = {name: text for name, (_, text) in BUILT_IN.items()} | _plugin_commands(ctx)
        return [CompletionItem(name, help=text) for name, text in told.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands from the table, importing none of them."""
        added = _plugin_commands(ctx)
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{max(map(len, BUILT_IN))}}", BUILT_IN[name][1]) for name in names])
        if added:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, printable(added[name])) for name in sorted(added)])


def _plugin_commands(ctx: click.Context) -> dict[str, str]:
    """Return name -> help of plugins' commands, importing plugins only if one of them seems to have any."""
    from mmx.plugins import discovery

    state = state_of(ctx)
    entries = discovery.installed() + [entry for path in state.plugin_dirs for entry in discovery.local(path)]
    own = Path("registry.yaml")
    if not _mentions(own, "plugins:") and not any(discovery.mentions(entry, "mmx_commands") for entry in entries):
        return {}
    return {name: command.help for name, command in open_plugins(ctx).commands.items()}


def _mentions(path: Path, word: str) -> bool:
    try:
        return word in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _version(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from mmx import __version__

        click.echo(f"mmx {__version__}")
        ctx.exit()


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep a global option at once: commands are looked up before the group's own function is called."""
    setattr(state_of(ctx), option.name or "", value)


_KEPT: Any = {"expose_value": False, "is_eager": True, "callback": _keep}


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: mmx ls, mmx show NAME, mmx run NAME --preset smoke.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.", **_KEPT)
@click.option("--strict-plugins", "strict", is_flag=True, help="Stop when a plugin does not work.", **_KEPT)
@click.option(
    "--plugin-dir",
    "plugin_dirs",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Load the plugin in this folder too; may be repeated.",
    **_KEPT,
)
@click.option(
    "--trust-plugins",
    "trust",
    is_flag=True,
    help="Load the plugins that registry.yaml in this folder names; remembered until they change.",
    **_KEPT,
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
@click.pass_context
def group(ctx: click.Context) -> None:
    """A plugin-based registry of multimodal experiments."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    state = State()
    if arguments is None:  # the process ends with the command: what torch made needs no last search for cycles
        atexit.register(gc.freeze)
        os.environ["PYTHONSAFEPATH"] = "1"  # new processes of Python import nothing from the current folder either
    threads.wait_politely()  # torch's threads read it when torch is imported, which a command does
    try:
        code = _invoke(given, state)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return 1
    except Exception as error:
        if state.debug:
            raise
        return _report(error, given)
    return code


def _invoke(arguments: list[str], state: State) -> int:
    """Run click; what it has to say about usage is shown here."""
    try:
        result = group.main(arguments, prog_name="mmx", standalone_mode=False, obj=state)
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        return _report_usage(error)
    return result if isinstance(result, int) else 0


def _report_usage(error: click.ClickException) -> int:
    message = error.format_message()
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        click.echo(message)
        return error.exit_code
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"; see: {ctx.command_path} --help" if ctx and "see: " not in message else ""
    click.echo(f"error: {printable(message).rstrip('.')}{hint}", err=True)
    return error.exit_code


def _report(error: Exception, arguments: Sequence[str]) -> int:
    """Print an error, one line per problem, and return the exit code."""
    if isinstance(error, MmxError):
        for line in str(error).splitlines():
            click.echo(f"error: {printable(line)}", err=True)
        return error.exit_code
    command = printable(" ".join(["mmx --debug", *arguments]))
    click.echo(f"error: {describe(error)}; run with --debug for the traceback: {command}", err=True)
    return 1


def _silence(stream: Any) -> None:
    """Let the interpreter's last flush go nowhere: whoever was reading has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
