"""`mmx runs`: the runs of this folder, newest first; their tags, and removal."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmx.cli.completion import complete_experiment, complete_run
from mmx.cli.output import GAP, print_table
from mmx.errors import UserError
from mmx.support import run_files
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.runs.listed import Summary

COLUMNS = ("run", "preset", "seed", "verdict", "first metric", "best baseline", "seconds", "age", "tags")
_SPARED = ("seconds", "seed", "preset", "best baseline", "tags", "age")
"""Columns that a narrow terminal does without, the first one first; `--json` has them all."""
_MB = 1e6


class _Runs(click.Group):
    """The list with its commands; the name of an experiment in place of a command is answered with the filter."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            told = shlex.join(["mmx", "runs", "--experiment", args[0]])
            raise UserError(f"{args[0]!r} is no command of mmx runs ({', '.join(self.commands)}); its runs: {told}")
        return super().resolve_command(ctx, args)


@click.group("runs", cls=_Runs, invoke_without_command=True)
@click.option("--experiment", "-e", default=None, help="Only its runs.", shell_complete=complete_experiment)
@click.option("--preset", default=None, help="Only runs of this preset.")
@click.option("--verdict", default=None, metavar="TEXT", help="Only runs whose verdict begins with this.")
@click.option(
    "--status", default=None, help="Only runs that ended so: completed, failed, interrupted, unfinished, exported."
)
@click.option("--tag", default=None, help="Only runs with this tag.")
@click.option("--limit", "-n", type=click.IntRange(min=1), default=None, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.pass_context
def command(
    ctx: click.Context,
    experiment: str | None,
    preset: str | None,
    verdict: str | None,
    status: str | None,
    tag: str | None,
    limit: int | None,
    as_json: bool,
    runs: Path,
) -> None:
    """List the runs of this folder, newest first: verdict, and the first metric beside its best baseline.

    A run is called by its folder, its id, `latest`, its experiment (`soundnet`: the latest one) or a tag. The best
    baseline is the best of chance, untrained and controls where a report has no baselines.
    """
    ctx.meta["mmx.runs"] = runs
    if ctx.invoked_subcommand is not None:
        return
    from mmx.runs.listed import summaries

    asked = {"preset": preset, "status": status}
    found = [
        each
        for each in summaries(runs, experiment)
        if all(wanted in (None, getattr(each, name)) for name, wanted in asked.items())
        and (verdict is None or each.verdict.startswith(verdict))
        and (tag is None or tag in each.tags)
    ][:limit]
    if as_json:
        click.echo(json.dumps([each.as_json() for each in found], indent=2))
        return
    if not found:
        filtered = any(value is not None for value in (experiment, preset, verdict, status, tag))
        click.echo(
            f"no such runs in {runs}"
            if filtered
            else f"no runs in {runs} yet; start one: mmx run NAME, or get trained ones: mmx fetch runs"
        )
        return
    print_table(*_fitting(list(map(_row, found))))


@command.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_run)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, names: Sequence[str], yes: bool) -> None:
    """Remove the folders of RUNs, and say what that frees. What MLflow keeps of them stays: mmx ui."""
    from filelock import FileLock, Timeout

    from mmx.runs.history import find_run
    from mmx.runs.index import write_index

    runs = ctx.meta["mmx.runs"]
    folders = list(dict.fromkeys(find_run(name, runs) for name in names))
    for folder in folders:
        click.echo(f"{os.path.relpath(folder)}  {_size(folder) / _MB:.1f} MB")
    if not yes and not click.confirm(f"remove {len(folders)} {'run' if len(folders) == 1 else 'runs'}?"):
        raise click.Abort
    freed = 0
    for folder in folders:
        lock = FileLock(folder / ".lock")
        try:
            with lock.acquire(timeout=0):
                freed += _size(folder)
                shutil.rmtree(folder)
        except Timeout as error:
            raise UserError(f"{folder} is in use: the run goes on, or is being judged") from error
    write_index(runs)
    click.echo(f"freed {freed / _MB:.1f} MB")


@command.command("tag")
@click.argument("run", shell_complete=complete_run)
@click.argument("tags", nargs=-1, metavar="[TAG]...")
@click.option("--remove", "-d", is_flag=True, help="Take the tags off instead.")
@click.pass_context
def tag_run(ctx: click.Context, run: str, tags: Sequence[str], remove: bool) -> None:
    """Give RUN names of your own, by which it can be called; without TAG, show those that it has."""
    from mmx.runs.history import find_run, read_tags
    from mmx.runs.index import write_index
    from mmx.support.files import write_text

    folder = find_run(run, ctx.meta["mmx.runs"])
    kept = read_tags(folder)
    for tag in tags:
        if not tag.strip() or tag != printable(tag).strip() or "\n" in tag or "/" in tag or tag == "latest":
            raise UserError(f"{tag!r} cannot be a tag: a word or a few, on one line, without a slash, not 'latest'")
    gone = set(tags) if remove else set()
    names = [tag for tag in dict.fromkeys([*kept, *tags]) if tag not in gone]
    if tags:
        write_text(folder / run_files.TAGS, "".join(f"{tag}\n" for tag in names))
        write_index(ctx.meta["mmx.runs"])
    click.echo(f"{folder.parent.name}/{folder.name}: {', '.join(names) or 'no tags'}")


def _fitting(rows: Sequence[Sequence[str]]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Return headings and rows, on a narrow terminal without the columns that are needed least."""
    columns = [(head, *cells) for head, *cells in zip(COLUMNS, *rows, strict=True) if any(cells)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for least in _SPARED:
        if room is None or sum(max(map(len, column)) + GAP for column in columns) - GAP <= room:
            break
        columns = [column for column in columns if column[0] != least]
    heads, *lines = zip(*columns, strict=True)
    return heads, list(map(list, lines))


def _row(run: Summary) -> Sequence[str]:
    return list(_cells(run))


def _cells(run: Summary) -> Iterator[str]:
    from mmx.runs.listed import age

    arrow = "↑" if run.better == "higher" else "↓"
    yield f"{run.experiment}/{run.folder.name}"
    yield run.preset
    yield "" if run.seed is None else str(run.seed)
    yield run.verdict if run.status == "completed" else f"{run.verdict} ({run.status})"
    yield "" if run.value is None else f"{run.metric} {arrow} {run.value:.3g}"
    yield "" if run.beside_value is None else f"{run.beside} {run.beside_value:.3g}"
    yield "" if run.seconds is None else f"{run.seconds:.0f}"
    yield age(run.begun)
    yield ", ".join(run.tags)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file())
