"""Option `--suite` of `run` and `prove`: its experiments, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from mmx.cli.context import open_catalog, state_of
from mmx.errors import ConfigError, MmxError, UserError
from mmx.support.text import describe, printable

Value = TypeVar("Value")

option = click.option("--suite", metavar="SUITE", default=None, help="All experiments of this suite, in its order.")


def parted(name: str | None, overrides: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Return NAME and KEY=VALUE...; where NAME was left out, the first argument is a KEY=VALUE."""
    return (None, (name, *overrides)) if name is not None and "=" in name else (name, overrides)


def chosen(ctx: click.Context, name: str | None, suite: str | None) -> Sequence[str]:
    """Return the experiments that are meant.

    Args:
        ctx: Of the command.
        name: The experiment, if one was named.
        suite: The value of `--suite`.

    Raises:
        UserError: Neither a name nor a suite is given, or both are.
        UnknownNameError: There is no such suite.
    """
    command = ctx.command_path
    if suite is None:
        if name is None:
            raise UserError(f"which experiment? {command} NAME; see: mmx ls")
        return [name]
    if name is not None:
        raise UserError(f"{name!r} beside --suite {suite}: give an experiment or a suite; for one: {command} {name}")
    return open_catalog(ctx).suite(suite)


def for_all(
    suite: str | None, names: Sequence[str], given: Sequence[str], each: Callable[[str], Value]
) -> dict[str, Value]:
    """Return what `each` returns for every experiment, before anything runs.

    Args:
        suite: The suite; None for one experiment, whose error is raised as it is.
        names: The experiments.
        given: What was typed for all of them: overrides, a preset.
        each: Raises where it does not fit.

    Raises:
        ConfigError: One line per experiment of the suite that something does not fit.
    """
    if suite is None:
        return {name: each(name) for name in names}
    found: dict[str, Value] = {}
    problems: list[str] = []
    for name in names:
        try:
            found[name] = each(name)
        except MmxError as error:
            problems += [f"{name}: {line}" for line in str(error).splitlines()]
    if problems:
        lead = f"{' '.join(given)} must fit all of suite {suite}: " if given else f"suite {suite}: "
        raise ConfigError([lead + problem for problem in problems])
    return found


def one_after_another(ctx: click.Context, names: Sequence[str], each: Callable[[str], None]) -> Sequence[str]:
    """Do something for every name; one that fails is reported and does not stop the next. Return those that failed."""
    failed = []
    for number, name in enumerate(names, 1):
        click.secho(f"[{number}/{len(names)}] {name}", bold=True, err=True)
        try:
            each(name)
        except Exception as error:
            if state_of(ctx).debug:
                raise
            text = str(error) if isinstance(error, MmxError) else f"{describe(error)}; for the traceback: mmx --debug"
            for line in text.splitlines():
                click.echo(f"error: {name}: {printable(line)}", err=True)
            failed.append(name)
    return failed
