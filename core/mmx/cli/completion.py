"""`mmx completion SHELL`: the completion script, and the candidates for each argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmx.cli.context import open_catalog
from mmx.errors import MmxError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mmx.config.catalog import Catalog

SHELLS = ("bash", "zsh", "fish")
_WHERE = {
    "bash": "mmx completion bash >> ~/.bashrc",
    "zsh": "mmx completion zsh >> ~/.zshrc",
    "fish": "mmx completion fish > ~/.config/fish/completions/mmx.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that lets SHELL complete commands, experiments, presets, components, runs and KEY=VALUE.

    To keep it: mmx completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from mmx.cli import group

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(group, {}, "mmx", "_MMX_COMPLETE")
    click.echo(f"# to keep it: {_WHERE[shell]}")
    click.echo(script.source_template % script.source_vars())


def _offered(names: Callable[[click.Context], Iterable[str]]) -> Callable[..., list[CompletionItem]]:
    """Return a completion from a function that lists names; what cannot be read completes to nothing."""

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            return [CompletionItem(name) for name in names(ctx) if name.startswith(incomplete)]
        except (MmxError, OSError):
            return []

    return complete


def _experiments(ctx: click.Context) -> Iterable[str]:
    return open_catalog(ctx).names()


def _components(ctx: click.Context) -> Iterable[str]:
    return sorted({entry.name for entry in open_catalog(ctx).plugins.registry.entries()})


def _named(ctx: click.Context) -> Iterable[str]:
    yield from _experiments(ctx)
    yield from _components(ctx)


def _presets(ctx: click.Context) -> Iterable[str]:
    # An option without its value ends click's parsing: what stood before it is not bound yet.
    asked = {ctx.params.get("name"), *ctx.args}
    every = list(open_catalog(ctx).experiments())
    found = [info for info in every if info.name in asked] or every
    return dict.fromkeys(["default", *(preset for info in found for preset in info.presets)])


def _overrides(ctx: click.Context) -> Iterable[str]:
    """Yield `key=` of every value of the experiment; of a name that is a run, of that run's experiment."""
    name = str(ctx.params.get("name") or "")
    catalog = open_catalog(ctx)
    if name in catalog.names():
        yield from (f"{key}=" for key in _resolved(catalog, name, str(ctx.params.get("preset") or "default")))


def _resolved(catalog: Catalog, name: str, preset: str) -> Iterable[str]:
    return catalog.resolve(name, preset=preset).flat()


def _runs(ctx: click.Context) -> Iterable[str]:
    from mmx.runs.history import read_tags, run_folders

    folders = run_folders(Path(ctx.params.get("runs") or ctx.meta.get("mmx.runs") or "runs"))
    names = [
        "latest",
        *(folder.parent.name for folder in folders),
        *(tag for each in folders for tag in read_tags(each)),
    ]
    return dict.fromkeys([*names, *(folder.name for folder in reversed(folders))] if folders else [])


complete_experiment = _offered(_experiments)
complete_named = _offered(_named)
complete_preset = _offered(_presets)
complete_override = _offered(_overrides)
complete_run = _offered(_runs)
