"""`mmx predict RUN INPUT...`: predictions of a trained run for files of one's own."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmx.assets.store import cache_folder
from mmx.cli.completion import complete_run
from mmx.cli.context import came_with_plugin, finished_run, open_catalog
from mmx.cli.output import print_table
from mmx.errors import DataError, UserError
from mmx.media.file_kinds import file_kind
from mmx.support import run_files
from mmx.support.files import write_text
from mmx.support.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmx.types import Prediction


@click.command("predict")
@click.argument("run", shell_complete=complete_run)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("--faces", type=click.Path(path_type=Path), default=None, help="JSON file with face boxes, for videos.")
@click.option("--field", "fields", multiple=True, metavar="NAME=FILE", help="Another input: a field's file or text.")
@click.option(
    "--texts",
    multiple=True,
    metavar="TEXT...",
    help="Texts to rank for INPUT, or a .txt file of them, one a line; what is no file is a text too.",
)
@click.option("--query", default=None, help="A text to rank the files of a folder by.")
@click.option(
    "--in",
    "place",
    type=click.Path(path_type=Path),
    default=None,
    help="The folder that --query, or INPUT, is looked for in.",
)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder for files; default: beside INPUT.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    inputs: tuple[str, ...],
    faces: Path | None,
    fields: tuple[str, ...],
    texts: tuple[str, ...],
    query: str | None,
    place: Path | None,
    out: Path | None,
    runs: Path,
) -> None:
    """Predict with RUN from each INPUT: audio, an image, a video, a text.

    RUN is a folder, an id, `latest`, an experiment (`soundnet`) or a tag: the newest that finished; of an experiment
    that was never trained here, the run that comes with mmx (mmx fetch runs).

    The answer is printed; audio, images, videos and features that it makes are written into a folder beside INPUT.
    An INPUT, or a file of a folder, that cannot be read is skipped and named; the exit code is 1 if more than
    settings.max_unreadable of them are. Nothing is overwritten: a folder that holds something is left, and NAME-2
    written. At the end comes what the run must not be used or trusted for: the caveats on its cards, all of them the
    first time, then the first.
    """
    extras = _extras(fields, faces)
    inputs, asked = _asked(inputs, texts, query, place)
    extras = {**extras, **asked}
    if not inputs and not extras:
        raise UserError("predict what? mmx predict RUN INPUT...; an INPUT is audio, an image, a video or a text")
    from mmx.runs import prediction
    from mmx.runs.caveats import caveats

    folder = finished_run(run, runs)
    catalog = open_catalog(ctx)
    built = prediction.open_run(catalog, folder)
    failed: list[str] = []
    answers: list[Prediction] = []
    taken: set[Path] = set()
    for typed in inputs or (None,):
        path = None if typed is None else Path(typed)
        target = out or _beside(path, built.experiment.name)
        if len(inputs) > 1 and out is not None and path is not None:
            target = out / _stem(path)
        try:
            found = prediction.predict(built, path, extras)
            _show(found, typed if len(inputs) > 1 else None)
            answers.append(found)
            for written in prediction.write(found, _free(target, taken)):
                click.echo(f"wrote {printable(os.path.relpath(written))}")
        except DataError as error:
            if len(inputs) < 2:
                raise
            told = str(error) if typed is None or typed in str(error) else f"{typed}: {error}"
            click.echo(f"skipped: {printable(told)}", err=True)
            failed.append(str(typed))
    lost = _unread(answers)
    _show_caveats(caveats(catalog.plugins, built.experiment), folder, built.experiment.name)
    if failed:
        click.echo(f"{len(failed)} of {len(inputs)} skipped: {printable(', '.join(failed))}", err=True)
    if max(lost, len(failed) / max(1, len(inputs))) > built.experiment.settings.max_unreadable:
        ctx.exit(1)


def _unread(answers: Sequence[Prediction]) -> float:
    """Tell how many files of the searched folders could not be read; return their share."""
    unread = [name for found in answers for name in found.unread]
    searched = sum(found.searched for found in answers)
    if unread:
        told = f"{len(unread)} of {searched} files could not be read: {', '.join(unread)}"
        click.echo(printable(told), err=True)
    return len(unread) / max(1, searched)


def _free(folder: Path, taken: set[Path]) -> Path:
    """Return a folder for an answer that holds none yet: this one, or the first free of those numbered after it."""
    folder = folder.resolve()
    found, number = folder, 1
    while found in taken or (found.is_dir() and any(found.iterdir())):
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    taken.add(found)
    return found


def _show_caveats(warned: Sequence[str], folder: Path, experiment: str) -> None:
    """Print all caveats after the first answer of a run; after the others, in one line, what it is good for."""
    from mmx.runs.caveats import of_use

    if not warned:
        return
    told = (cache_folder() / "caveats" / folder.name if came_with_plugin(folder) else folder) / run_files.CAVEATS_TOLD
    if told.is_file() and told.read_text(encoding="utf-8", errors="replace") == "\n".join(warned):
        more = f" ({len(warned) - 1} more: mmx show {printable(experiment)})" if len(warned) > 1 else ""
        click.echo(f"caveat: {printable(of_use(warned))}{more}")
        return
    click.echo("Not to be used or trusted for more than this:")
    for caveat in warned:
        click.echo(f"- {printable(caveat)}")
    with suppress(OSError):  # a run folder of somebody else: they are printed each time
        write_text(told, "\n".join(warned), verbatim=True)


def _extras(fields: tuple[str, ...], faces: Path | None) -> Mapping[str, str]:
    """Return further inputs by field.

    Raises:
        UserError: One is not of the form NAME=VALUE.
    """
    extras: dict[str, str] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not name:
            raise UserError(f"--field {field}: needed is NAME=FILE, e.g. --field caption='a dog barks'")
        extras[name] = value
    return extras if faces is None else {**extras, "faces": str(faces)}


def _asked(
    inputs: tuple[str, ...], texts: tuple[str, ...], query: str | None, place: Path | None
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the inputs and further values for texts to rank, or for a folder to search.

    Raises:
        UserError: An empty text, a folder without a query, or a query beside inputs or texts.
        DataError: A file of texts cannot be read, or holds none.
    """
    if not all(text.strip() for text in (*texts, *([] if query is None else [query]))):
        raise UserError("an empty text asks for nothing; write at least one word")
    if query is None:
        if place is not None:
            if not inputs or texts:
                raise UserError(f'--in {place}: what to look for in it? add --query "TEXT", or an INPUT')
            return inputs, {"in": str(place)}
        if not texts:
            return inputs, {}
        # Click gives one value to each --texts and takes the rest for inputs: which of them are files tells the disk,
        # and of files that are not there the form of their names.
        files = tuple(typed for typed in inputs if Path(typed).exists() or file_kind(Path(typed)) != "text")
        every = [text for typed in texts for text in _lines(typed)]
        return files, {"texts": "; ".join([*every, *(typed for typed in inputs if typed not in files)])}
    if texts or inputs:
        raise UserError("--query ranks the files of a folder: mmx predict RUN --query TEXT --in FOLDER")
    return (str(place or Path()),), {"query": query}


def _lines(typed: str) -> list[str]:
    """Return the lines of a text file, or what was typed where it is none.

    Raises:
        DataError: The file cannot be read, or is empty.
    """
    path = Path(typed)
    if path.suffix.lower() != ".txt" or not path.is_file():
        return [typed]
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    if not lines:
        raise DataError(f"{path}: holds no text")
    return lines


def _beside(path: Path | None, experiment: str) -> Path:
    if path is None or not path.is_file():
        return Path(f"{experiment}-prediction")
    return path.with_name(f"{_stem(path)}-{experiment}")


def _stem(path: Path) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in path.stem)[:80]


def _show(prediction: Prediction, title: str | None) -> None:
    if title is not None:
        click.echo(f"{printable(title)}:")
    headers = list(dict.fromkeys(name for row in prediction.rows for name in row))
    if headers:
        print_table(headers, [[_cell(row.get(name)) for name in headers] for row in prediction.rows])
    for note in prediction.notes:
        click.echo(printable(note))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):  # a second of a long video is still told to a tenth
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
    return str(value)
