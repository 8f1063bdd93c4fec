"""`mmx export RUN --to DIR`: a run as a folder to share."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mmx.cli.completion import complete_run
from mmx.cli.context import finished_run, open_catalog
from mmx.support.text import printable


@click.command("export")
@click.argument("run", shell_complete=complete_run)
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="The folder to write; new or empty."
)
@click.option("--onnx", is_flag=True, help="Write model.onnx too, checked against torch; needs the extra `export`.")
@click.option("--small", is_flag=True, help="Matrices in 16 bits, and without frozen parts whose weights have a name.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.pass_context
def command(ctx: click.Context, run: str, target: Path, onnx: bool, small: bool, runs: Path) -> None:
    """Write RUN as a folder to share: safetensors, configuration and card, as on the Hugging Face hub.

    The folder is a run like any other to `mmx predict` and `mmx.load`. Nothing of this machine goes into it: no places
    of files, no secrets, no state of training. Nothing is overwritten. With --onnx a part of the model that cannot be
    written as ONNX is named, and nothing is written. With --small the numbers of its report are those of the run before
    rounding: `mmx eval DIR` judges what was written.
    """
    from mmx.sharing.export import export

    folder = finished_run(run, runs)
    for written in export(open_catalog(ctx), folder, target, onnx=onnx, small=small):
        size = f"{written.stat().st_size / 1e6:.1f} MB"
        click.echo(f"wrote {printable(os.path.relpath(written))} ({size})")
