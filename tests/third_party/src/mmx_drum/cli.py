"""`mmx drum-tap`."""

from __future__ import annotations

import click


@click.command()
@click.argument("index", type=int, default=0)
def tap(index: int) -> None:
    """Print the beats of sample INDEX."""
    from mmx_drum.corpus import Taps

    values = Taps(noise=0).split("train")[index].fields["skin"].values_TC[:, 0]
    click.echo("".join("x" if value > 0.5 else "." for value in values))
