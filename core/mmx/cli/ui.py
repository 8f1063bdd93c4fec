"""`mmx ui`: MLflow's pages on the runs of this folder, with links to the view of training runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from mmx.cli.completion import complete_run
from mmx.support import run_files

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command("ui")
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--port", type=click.IntRange(1, 65535), help="Port; default: the first free one from 5000 on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; there is no login.")
@click.option("--runs", default="runs", show_default=True, metavar="FOLDER", help="Folder of runs.")
def command(run: str | None, port: int | None, host: str, runs: str) -> None:
    """Show and compare runs in MLflow's pages, until Ctrl-C; with RUN, its own page is the first link."""
    from mmx.errors import UserError
    from mmx.support.redact import redact_address
    from mmx.tracking.artifact_places import mend_places, strays
    from mmx.tracking.ui_server import Server, experiments, free_port
    from mmx.tracking.uri import is_http, sqlite_path, store_uri

    uri = store_uri(Path(runs))
    own = _page_of(run, Path(runs))
    if is_http(uri):
        click.echo("MLFLOW_TRACKING_URI names a server; its pages:")
        _print_links(redact_address(uri), experiments(uri), own)
        return
    database = sqlite_path(uri)
    if database is not None and not database.is_file():
        raise UserError(f"no runs in {runs} yet (no {database.name}); start one: mmx run NAME, names: mmx ls")
    if database is not None:
        mend_places(database)
        _refuse_or_tell(strays(database), database, host)
    if host not in LOOPBACK:
        click.echo(f"warning: {host} lets other machines in; MLflow has no login, they may delete runs", err=True)
    chosen = free_port(host, port)
    with Server(uri, host=host, port=chosen) as server:
        click.echo("starting MLflow ...")
        server.wait_ready()
        _print_links(server.address, experiments(server.address), own)
        with suppress(KeyboardInterrupt):  # from the moment on that it is promised
            click.echo("Ctrl-C ends it.")
            server.wait()


def _refuse_or_tell(elsewhere: Sequence[str], database: Path, host: str) -> None:
    """Say that pages would show files from elsewhere on this machine; other machines are not shown them.

    Raises:
        UserError: Other machines would be.
    """
    from mmx.errors import UserError
    from mmx.support.text import one_line

    if not elsewhere:
        return
    more = f" and {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
    told = f"{database} says that files of its runs are in {one_line(elsewhere[0])}{more}, outside of its folder"
    if host not in LOOPBACK:
        raise UserError(f"{told}: that would be shown to other machines; leave --host out")
    click.echo(f"warning: {told}; its pages show what is there", err=True)


def _page_of(run: str | None, runs: Path) -> str:
    """Return the part of a link behind the server's address that opens a run; nothing without a run.

    Raises:
        DataError: There is no such run, or MLflow was never told of it.
    """
    if run is None:
        return ""
    from mmx.errors import DataError
    from mmx.runs.history import find_run
    from mmx.tracking import journal
    from mmx.tracking.uri import run_path

    folder = find_run(run, runs)
    told = [entry.fields for entry in journal.read(folder / run_files.JOURNAL) if entry.event == "mlflow"]
    if not told:
        raise DataError(f"{folder.parent.name}/{folder.name} was never sent to MLflow; send it: mmx sync")
    return run_path(told[-1]["experiment_id"], told[-1]["run_id"])


def _print_links(address: str, found: Sequence[tuple[str, str]], own: str) -> None:
    from mmx.support.text import one_line
    from mmx.tracking.uri import charts_path

    if own:
        click.echo(f"{address}{own}")
    click.echo(address)
    named = [(identifier, one_line(name)) for identifier, name in found]
    width = max((len(name) for _, name in named), default=0)
    for identifier, name in named:
        click.echo(f"  {name:<{width}}  {address}{charts_path(identifier)}")
    if not found:
        click.echo("  no experiments yet; start one: mmx run NAME, names: mmx ls")
