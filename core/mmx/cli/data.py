"""`mmx data`: look at data of one's own, and pack it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from mmx.cli.context import open_plugins
from mmx.errors import DataError, UserError
from mmx.text import printable

CORPUS = "std/manifest"
"""The corpus that reads a user's file."""

_field = click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Read field NAME from COLUMN, as corpus.fields.NAME=COLUMN does in a run; may be repeated.",
)
_outside = click.option("--allow-outside", is_flag=True, help="Read files outside the folder of FILE.")


@click.group("data")
def command() -> None:
    """Check data of your own, and pack it into shards.

    FILE is JSONL or CSV, one item per row. Columns: audio, image, video or file (paths relative to FILE); text,
    caption; subtitles (.srt, .vtt); label; optional id, split, group, start, end. Run any experiment on it with
    corpus.use=std/manifest corpus.path=FILE.
    """


@command.command("check")
@click.argument("file")
@_field
@_outside
@click.option("--limit", default=10, show_default=True, type=click.IntRange(min=1), help="Problems to show.")
@click.pass_context
def check(ctx: click.Context, file: str, fields: Sequence[str], allow_outside: bool, limit: int) -> None:
    """Read every row and decode every file of FILE; say what there is and what is wrong."""
    findings = _corpus(ctx).check(file, fields=_pairs(fields), allow_outside=allow_outside)
    for fact in findings.facts:
        click.echo(printable(fact))
    problems = findings.problems
    for problem in problems[:limit]:
        click.echo(printable(problem))
    if problems:
        more = "" if len(problems) <= limit else f", the first {limit} above; all: --limit {len(problems)}"
        raise DataError(f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}{more}")
    click.echo(f"no problems; use it: mmx run NAME corpus.use={CORPUS} corpus.path={printable(file)}")


@command.command("pack")
@click.argument("file")
@click.argument("folder")
@_field
@_outside
@click.option("--size", default=1000, show_default=True, type=click.IntRange(min=1), help="Items per shard.")
@click.pass_context
def pack(ctx: click.Context, file: str, folder: str, fields: Sequence[str], allow_outside: bool, size: int) -> None:
    """Write the items of FILE into tar shards in FOLDER, for many small files or many machines."""
    written = _corpus(ctx).pack(file, folder, fields=_pairs(fields), allow_outside=allow_outside, size=size)
    for path in written:
        click.echo(printable(str(path)))
    click.echo(f"{len(written)} shards; use them: mmx run NAME corpus.use=std/shards corpus.path={printable(folder)}")


def _corpus(ctx: click.Context) -> Any:
    return open_plugins(ctx).registry.lookup("corpus", CORPUS).load()


def _pairs(fields: Sequence[str]) -> Mapping[str, str]:
    pairs = [each.partition("=") for each in fields]
    for name, sign, column in pairs:
        if not (name and sign and column):
            raise UserError(f"--field {name}{sign}{column}: must be NAME=COLUMN, e.g. --field audio=recording")
    return {name: column for name, _, column in pairs}
