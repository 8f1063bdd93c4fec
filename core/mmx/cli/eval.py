"""`mmx eval RUN`: evaluation of a trained run once more."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.completion import complete_run
from mmx.cli.context import came_with_plugin, finished_run, open_catalog
from mmx.support import run_files
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.runs.evaluate import Judged


@click.command("eval")
@click.argument("run", shell_complete=complete_run)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--split", default="test", show_default=True, help="Split of the corpus to judge.")
@click.option("--conflict", default=None, metavar="FIELD,FIELD", help="Judge what wins where two fields disagree.")
@click.option("--device", default=None, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder of the report; default: in RUN.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.option("--plain", is_flag=True, help="Lines instead of moving bars (the default when not on a terminal).")
@click.option(
    "--ablate",
    type=click.Choice(["modalities"]),
    default=None,
    help="Judge also with each modality removed, shuffled and noised.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the last lines.")
@click.option("--all", "every", is_flag=True, help="Print every metric in full, not only the first one.")
@click.option("--json", "as_json", is_flag=True, help="Print the new report.json instead.")
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    overrides: tuple[str, ...],
    split: str,
    conflict: str | None,
    device: str | None,
    out: Path | None,
    runs: Path,
    plain: bool,
    ablate: str | None,
    quiet: bool,
    every: bool,
    as_json: bool,
) -> None:
    """Judge the weights of RUN again, e.g. `mmx eval latest --split val` or `mmx eval latest corpus.path=mine.jsonl`.

    RUN is its folder, its id, `latest`, its experiment or a tag: the newest that finished. KEY=VALUE changes
    its corpus, task or settings. Nothing is trained; the report goes into a folder of its own below RUN. Where nothing
    is changed, the last line says whether the numbers are those of the run. --ablate modalities judges the same
    weights once more for each field and each of three ways, and adds what they give to the report.

    --conflict audio,video shows a classifier the audio of one item and the video of an item of another class, and
    tells which of the two it follows, and how often it answers a third class (McGurk).
    """
    folder = finished_run(run, runs)
    from mmx.cli.run import display
    from mmx.runs.reevaluate import judge_again
    from mmx.runs.session import new_folder

    home = runs.absolute() / folder.name if came_with_plugin(folder) else folder
    place = out.absolute() if out is not None else new_folder(home, "evals")
    typed = ["mmx", "eval", str(os.path.relpath(folder)), *overrides, *(["--split", split] if split != "test" else [])]
    fields = tuple(conflict.split(",")) if conflict else ()
    typed += ["--conflict", conflict] if conflict else []
    shown = display(plain, quiet)
    typed += ["--ablate", ablate] if ablate else []
    given: dict[str, Any] = {
        "modalities": ablate is not None,
        "conflict": fields,
        "split": split,
        "overrides": overrides,
        "settings": {"device": device},
    }
    try:
        with shown:
            judged = judge_again(open_catalog(ctx), folder, place, shown, command=shlex.join(typed), **given)
    except BaseException:
        if out is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    if as_json:
        click.echo((judged.folder / run_files.REPORT).read_text(encoding="utf-8").rstrip())
        return
    if ablate and not quiet:
        _contributions(judged)
    _conclude(judged, folder, quiet, every=every, unchanged=not overrides and split == "test" and not fields)


def _contributions(judged: Judged) -> None:
    """Print the first metric with each modality altered."""
    import json

    from mmx.cli.output import print_table

    metric = judged.report.metrics[0].name
    report = json.loads((judged.folder / run_files.REPORT).read_text(encoding="utf-8"))
    rows = [
        [field, way, "not judged" if values.get(metric) is None else f"{values[metric]:.3g}"]
        for field, each in report.get("ablation", {}).items()
        for way, values in each.items()
    ]
    if rows:
        print_table(
            ("modality", "given", metric), [["all", "as they are", f"{judged.report.metrics[0].value:.3g}"], *rows]
        )
        click.echo()


def _conclude(judged: Judged, run: Path, quiet: bool, *, every: bool, unchanged: bool) -> None:
    from mmx.cli.run import conclude
    from mmx.model.meaning import changes as changed_data
    from mmx.model.meaning import read_sources
    from mmx.report.write import as_json
    from mmx.runs.history import changes, read_run

    conclude(judged.folder, judged.report, judged.verdict, quiet, every=every)
    record = read_run(run)
    before = record.report
    for line in changed_data(record.sources, read_sources(judged.folder) or {}):
        click.echo(f"not the data of the run: {line}")
    if unchanged and before:
        changed = list(changes(before, as_json(judged.report)))
        told = f"not the run's numbers: {'; '.join(changed[:3])}" if changed else "the numbers are the run's own"
        click.echo(printable(told))
