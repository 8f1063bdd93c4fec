"""`mmx data`: contents of a corpus, checks and packing of one's own data, import of published data sets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.completion import complete_preset
from mmx.cli.context import open_catalog, open_plugins
from mmx.errors import ConfigError, DataError, UserError
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.config.experiment import Experiment, Part
    from mmx.interfaces import Corpus

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
    """Show what a corpus holds; check data of your own, pack it into shards, import the field's data sets.

    FILE is JSONL or CSV, one item per row. Columns: audio, image, video or file (paths relative to FILE); text,
    caption; subtitles (.srt, .vtt); label; optional id, split, group, start, end. Run any experiment on it with
    corpus.use=std/manifest corpus.path=FILE.
    """


@command.command("show")
@click.argument("name")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--preset", default=None, help="Of an experiment: which variant.", shell_complete=complete_preset)
@click.option("--split", default=None, help="Which split; default: the first that there is.")
@click.option("--items", default=2, show_default=True, type=click.IntRange(min=1, max=1000), help="Samples to show.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with the media of the items; of an experiment also its encoders' inputs, and what losses see.",
)
@click.pass_context
def show(
    ctx: click.Context,
    name: str,
    overrides: tuple[str, ...],
    preset: str | None,
    split: str | None,
    items: int,
    html: Path | None,
) -> None:
    """Show fields, targets and the first samples of corpus NAME, or of the corpus of experiment NAME.

    KEY=VALUE are parameters of the corpus (clips=100), or changes of the experiment (corpus.clips=100). --html writes a
    page with players and images: the items as they are, and of an experiment as its encoders prepare them and as the
    losses of its stages are shown them (masked, shuffled, augmented).
    """
    from mmx.data.describe import about, of_sample, splits_of
    from mmx.model.build import Builder

    catalog = open_catalog(ctx)
    experiment = _experiment(catalog, name, overrides, preset)
    part = _part(catalog, name, overrides) if experiment is None else experiment.corpus
    corpus = Builder(catalog.plugins.registry, 0).part(part, "corpus", "corpus")
    for word, text in about(corpus):
        click.echo(f"{word:<8} {printable(text)}")
    split = split or next(iter(splits_of(corpus)), "train")
    if html is not None:
        _browse(catalog, experiment, corpus, split, items, html)
        return
    samples = corpus.split(split)
    for index in range(min(items, len(samples))):
        click.echo(f"\n{split} {index}: {printable(samples[index].id)}")
        pairs = list(of_sample(samples[index], corpus.targets))
        width = max((len(key) for key, _ in pairs), default=0)
        for key, text in pairs:
            click.echo(f"  {printable(key):<{width}}  {printable(text)}")


def _experiment(catalog: Catalog, name: str, overrides: Sequence[str], preset: str | None) -> Experiment | None:
    """Return the experiment that a name means, None where it is a corpus."""
    if "/" not in name and name in catalog.names():
        return catalog.resolve(name, preset=preset or "default", overrides=overrides).experiment
    if preset is not None:
        raise UserError(f"{name} is no experiment; --preset goes with one: mmx ls")
    return None


def _browse(
    catalog: Catalog, experiment: Experiment | None, corpus: Corpus, split: str, items: int, html: Path
) -> None:
    from mmx.errors import AssetError
    from mmx.model.build import build
    from mmx.runs.browse import browse

    built = None
    if experiment is not None:
        try:
            built = build(experiment, catalog.plugins.registry)
        except AssetError as error:
            click.echo(f"without the encoders' inputs: {printable(str(error))}", err=True)
    click.echo(f"page: {browse(corpus, split, items, html, built)}")


def _part(catalog: Catalog, name: str, overrides: Sequence[str]) -> Part:
    """Return the corpus that a name means, with all parameters.

    Raises:
        UnknownNameError: It is the name of no corpus.
        ConfigError: Parameters that the corpus does not take.
    """
    from mmx.config.component_check import PartChecker
    from mmx.config.experiment import Part
    from mmx.config.merging import merge
    from mmx.config.overrides import parse_all
    from mmx.config.yaml_positions import node_of

    registry = catalog.plugins.registry
    registry.lookup("corpus", name)
    problems: list[str] = []
    tree = node_of({"use": name}, "corpus")
    for over in parse_all([text.removeprefix("corpus.") for text in overrides]):  # as in a run, or bare
        tree = merge(tree, over, problems)
    tree = PartChecker(registry, problems).part(tree, "corpus", ("corpus",))
    if problems:
        raise ConfigError(problems)
    return Part.model_validate(tree.plain())


@command.command("check")
@click.argument("file")
@_field
@_outside
@click.option("--limit", default=10, show_default=True, type=click.IntRange(min=1), help="Problems to show.")
@click.pass_context
def check(ctx: click.Context, file: str, fields: Sequence[str], allow_outside: bool, limit: int) -> None:
    """Read every row and decode every file of FILE; say what there is and what is wrong."""
    findings = _corpus(ctx).check(file, fields=_pairs(fields), allow_outside=allow_outside)
    for line in (*findings.facts, *findings.notes):
        click.echo(printable(line))
    problems = findings.problems
    for problem in problems[:limit]:
        click.echo(printable(problem))
    if problems:
        more = "" if len(problems) <= limit else f", the first {limit} above; all: --limit {len(problems)}"
        raise DataError(f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}{more}")
    click.echo(f"no problems; use it: mmx run NAME corpus.use={CORPUS} corpus.path={shlex.quote(printable(file))}")


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
    place = shlex.quote(printable(folder))
    click.echo(f"{len(written)} shards; use them: mmx run NAME corpus.use=std/shards corpus.path={place}")


@command.command("import")
@click.argument("layout", required=False)
@click.argument("source", required=False)
@click.argument("out", required=False)
@click.pass_context
def import_layout(ctx: click.Context, layout: str | None, source: str | None, out: str | None) -> None:
    """Write a manifest OUT of a published data set that lies in folder SOURCE as it was published.

    Without arguments: the layouts, what each needs, its licence and the page to get it from. Nothing is downloaded.
    Items whose files are not there are left out and counted.
    """
    corpus = _corpus(ctx)
    if layout is None:
        for name, told in corpus.layouts().items():
            click.echo(f"{name:<16} {told.title}: {told.holds}\n{'':<16} {told.licence}; {told.page}")
        return
    if source is None or out is None:
        raise UserError(f"mmx data import {layout} needs the data's folder and a file to write: SOURCE OUT.jsonl")
    done = corpus.import_layout(layout, source, out)
    whole = f"; the whole set has {done.layout.items:,}" if done.layout.items else ""
    click.echo(f"{printable(out)}: {done.used:,} of {done.expected:,} items have their files{whole}")
    splits = ", ".join(f"{name or 'to be divided'} {count:,}" for name, count in sorted(done.splits.items()))
    click.echo(f"splits ({done.layout.splits}): {splits}")
    click.echo(f"licence: {done.layout.licence}; {done.layout.page}")
    outside = " corpus.allow_outside=true" if done.outside else ""
    click.echo(f"use it: mmx run NAME corpus.use={CORPUS} corpus.path={shlex.quote(printable(out))}{outside}")


def _corpus(ctx: click.Context) -> Any:
    return open_plugins(ctx).registry.lookup("corpus", CORPUS).load()


def _pairs(fields: Sequence[str]) -> Mapping[str, str]:
    pairs = [each.partition("=") for each in fields]
    for name, sign, column in pairs:
        if not (name and sign and column):
            raise UserError(f"--field {name}{sign}{column}: must be NAME=COLUMN, e.g. --field audio=recording")
    return {name: column for name, _, column in pairs}
