"""Summary and caveats of an experiment, on the `--help` of commands that name one and under `mmx show`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from mmx.cli.context import open_catalog
from mmx.errors import MmxError
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog, Resolved

_TYPED: Final = "mmx.cli.described"


class DescribedCommand(click.Command):
    """`mmx run NAME --help` and `mmx show NAME --help` end with the experiment's summary and its caveats."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was typed: `--help` is answered before any argument is known."""
        ctx.meta[_TYPED] = tuple(args)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Add what is known about the experiment that was named."""
        super().format_epilog(ctx, formatter)
        with suppress(MmxError):  # help is there also where files of experiments are wrong
            summary, warned = _about(ctx)
            if summary:
                with formatter.section("This experiment"):
                    formatter.write_text(printable(summary))
            if warned:
                with formatter.section("It must not be used or trusted for more than this"):
                    formatter.write_dl([("-", printable(caveat)) for caveat in warned])


def _about(ctx: click.Context) -> tuple[str, list[str]]:
    from mmx.runs.caveats import caveats

    typed = [word for word in ctx.meta.get(_TYPED, ()) if not word.startswith("-") and "=" not in word]
    if not typed:
        return "", []
    catalog = open_catalog(ctx)
    name = next((word for word in typed if word in catalog.names()), None)
    if name is None:
        return "", []
    experiment = catalog.resolve(name).experiment
    return experiment.summary, caveats(catalog.plugins, experiment)


def show_caveats(catalog: Catalog, resolved: Resolved) -> None:
    """Print what the experiment must not be used or trusted for, as comments of YAML."""
    from mmx.runs.caveats import caveats

    warned = caveats(catalog.plugins, resolved.experiment)
    if warned:
        click.echo("# caveats:")
    for caveat in warned:
        click.echo(f"# - {printable(caveat)}")
