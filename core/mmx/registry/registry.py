"""Registry of components: names, their targets, and the plugins that registered them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from mmx.errors import CollisionError, PluginError, UnknownNameError, did_you_mean
from mmx.registry import target as targets

if TYPE_CHECKING:
    from mmx.types import Asset

Kind = Literal["encoder", "fuser", "head", "objective", "corpus", "task", "optimizer", "schedule", "balance"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
STANDARD: Final = "std"
"""The plugin whose prefix may be left out: `adam` is `std/adam`."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered component.

    Attributes:
        kind: What it is.
        name: `plugin/component`.
        target: `module:attribute`, a class or a function.
        plugin: Entry-point name of the plugin that registered it.
        distribution: Name and version of the distribution it came in.
    """

    kind: Kind
    name: str
    target: str
    plugin: str
    distribution: str

    def load(self) -> Any:
        """Import and return the class or function.

        Raises:
            PluginError: The module cannot be imported, or has no such attribute.
        """
        return targets.load(self.target, f"{self.kind} {self.name!r} of plugin {self.plugin!r} ({self.distribution})")


class Registry:
    """All components that the loaded plugins named. Flat, one name space per kind, closed after loading."""

    def __init__(self) -> None:
        self._entries: dict[Kind, dict[str, Entry]] = {kind: {} for kind in KINDS}
        self.assets: dict[str, Asset] = {}
        self.scanned: Sequence[str] = ()
        self.failed: Sequence[str] = ()

    def add(self, entry: Entry) -> None:
        """Add one entry.

        Raises:
            PluginError: The kind, the name or the target is malformed.
            CollisionError: The name belongs to another plugin, or is taken.
        """
        if entry.kind not in KINDS:
            raise PluginError(
                f"unknown kind {entry.kind!r}{did_you_mean(entry.kind, KINDS)}; kinds: {', '.join(KINDS)}"
            )
        if not _NAME.fullmatch(entry.name):
            raise PluginError(f"{entry.kind} name {entry.name!r} is not of the form plugin/component (a-z, 0-9, _, -)")
        if not targets.FORM.fullmatch(entry.target):
            raise PluginError(f"target {entry.target!r} of {entry.name!r} is not of the form module:attribute")
        owner = entry.name.partition("/")[0]
        if owner != entry.plugin:
            raise CollisionError(
                f"plugin {entry.plugin!r} may register only names that begin with '{entry.plugin}/'; "
                f"{entry.name!r} belongs to {owner!r}"
            )
        taken = self._entries[entry.kind].get(entry.name)
        if taken is not None:
            raise CollisionError(
                f"{entry.kind} {entry.name!r} is registered twice: {taken.target} ({taken.distribution}) "
                f"and {entry.target} ({entry.distribution})"
            )
        self._entries[entry.kind][entry.name] = entry

    def add_asset(self, plugin: str, asset: Asset) -> None:
        """Add an asset; its name follows the rules of component names.

        Raises:
            PluginError: The name is malformed.
            CollisionError: The name belongs to another plugin, or is taken.
        """
        if not _NAME.fullmatch(asset.name):
            raise PluginError(f"asset name {asset.name!r} is not of the form plugin/asset (a-z, 0-9, _, -)")
        if asset.name.partition("/")[0] != plugin:
            raise CollisionError(f"asset {asset.name!r} of plugin {plugin!r} must be named '{plugin}/...'")
        if asset.name in self.assets:
            raise CollisionError(f"asset {asset.name!r} is registered twice")
        self.assets[asset.name] = asset

    def drop(self, plugin: str) -> None:
        """Remove everything that a plugin registered (it does not work)."""
        for entries in self._entries.values():
            for name in [name for name, entry in entries.items() if entry.plugin == plugin]:
                del entries[name]
        for name in [name for name in self.assets if name.partition("/")[0] == plugin]:
            del self.assets[name]

    def lookup(self, kind: Kind, name: str) -> Entry:
        """Return the entry for `name`; a name without a slash means the standard library's.

        Raises:
            UnknownNameError: With the nearest names, other kinds that have it, what was scanned and what failed.
        """
        entries = self._entries[kind]
        full = name if "/" in name else f"{STANDARD}/{name}"
        if full in entries:
            return entries[full]
        elsewhere = [other for other in KINDS if full in self._entries[other]]
        hint = did_you_mean(full, entries)
        if elsewhere:
            hint = f"; {full!r} is {with_article(elsewhere[0])}"
        failed = f"; plugins that failed to load: {', '.join(self.failed)} (mmx plugins)" if self.failed else ""
        scanned = f" in {', '.join(self.scanned)}" if self.scanned else ""
        raise UnknownNameError(f"no {kind} {name!r}{scanned}{hint}{failed}; see: mmx ls {plural(kind)}")

    def entries(self, kind: Kind | None = None) -> Iterator[Entry]:
        """Yield entries sorted by kind and name."""
        for each in KINDS if kind is None else (kind,):
            yield from (self._entries[each][name] for name in sorted(self._entries[each]))


@dataclass(frozen=True, slots=True)
class Registrar:
    """Interface by which one plugin registers its components."""

    registry: Registry
    plugin: str
    distribution: str

    def add(self, kind: Kind, name: str, target: str) -> None:
        """Register `target` ("module:attribute") as `name` ("plugin/component")."""
        self.registry.add(Entry(kind, name, target, self.plugin, self.distribution))

    def encoder(self, name: str, target: str) -> None:
        """Register an encoder."""
        self.add("encoder", name, target)

    def fuser(self, name: str, target: str) -> None:
        """Register a fuser."""
        self.add("fuser", name, target)

    def head(self, name: str, target: str) -> None:
        """Register a head."""
        self.add("head", name, target)

    def objective(self, name: str, target: str) -> None:
        """Register an objective."""
        self.add("objective", name, target)

    def corpus(self, name: str, target: str) -> None:
        """Register a corpus."""
        self.add("corpus", name, target)

    def task(self, name: str, target: str) -> None:
        """Register a task."""
        self.add("task", name, target)

    def optimizer(self, name: str, target: str) -> None:
        """Register an optimizer: `(params, **options)` with named parameters -> a `torch.optim.Optimizer`."""
        self.add("optimizer", name, target)

    def schedule(self, name: str, target: str) -> None:
        """Register a learning-rate schedule: `(total_steps, **options)` -> a function from step to factor."""
        self.add("schedule", name, target)

    def balance(self, name: str, target: str) -> None:
        """Register a balance of modalities, which a stage's update names."""
        self.add("balance", name, target)

    def asset(self, asset: Asset) -> None:
        """Register weights or data that live in a package: `mmx fetch NAME` gets them."""
        self.registry.add_asset(self.plugin, asset)


def plural(kind: str) -> str:
    """Return the word for several: `encoders`, `corpora`."""
    return "corpora" if kind == "corpus" else f"{kind}s"


def with_article(kind: str) -> str:
    """Return the word with its article: `an encoder`, `a corpus`."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
