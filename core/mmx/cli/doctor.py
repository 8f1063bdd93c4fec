"""`mmx doctor`: checks of the environment, each with its remedy."""

from __future__ import annotations

import click

from mmx.cli.context import open_plugins
from mmx.support.text import printable


@click.command("doctor")
@click.pass_context
def command(ctx: click.Context) -> int:
    """Check the surroundings: libraries, devices, folders, weights, plugins."""
    from mmx.doctor import examine

    healthy = True
    for check in examine(open_plugins(ctx)):
        healthy &= check.ok
        mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark}  {printable(check.name):<14}{printable(check.detail)}")
        if check.fix:
            click.echo(f"{'':<20}-> {printable(check.fix)}")
    return 0 if healthy else 1
