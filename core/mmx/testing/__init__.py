"""Checks of parts, experiments and plugins, for plugin authors and `mmx check`.

The whole kit on a plugin, as one line of a test file:

    test_conformance = plugin_tests("my_plugin", folder=Path(__file__).parents[1])

Or one contract at a time, on parts that a test has built:

    findings = list(check_encoder(lambda seed: MyEncoder(width=8), raws=[...]))

Every check yields `Finding`s; none raises for what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmx.testing.collect import plugin_tests
    from mmx.testing.kit import plugin_checks
    from mmx.testing.parts.corpora import check_corpus
    from mmx.testing.parts.encoders import check_encoder
    from mmx.testing.parts.fusers import check_fuser
    from mmx.testing.parts.objectives import check_objective

__all__ = [
    "Check",
    "Finding",
    "check_corpus",
    "check_encoder",
    "check_fuser",
    "check_objective",
    "plugin_checks",
    "plugin_tests",
]

_HOMES = {
    "check_corpus": "parts.corpora",
    "check_encoder": "parts.encoders",
    "check_fuser": "parts.fusers",
    "check_objective": "parts.objectives",
    "plugin_checks": "kit",
    "plugin_tests": "collect",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        what: What was checked.
        ok: Whether it holds.
        detail: What was found, or what is wrong and what to do.
        skipped: It could not be checked here, for the reason in `detail`; that is no fault of the plugin.
    """

    what: str
    ok: bool
    detail: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to check, not done yet.

    Attributes:
        name: What is checked: `encoder foo/bar`, `experiment foo: smoke run`.
        look: Does it.
    """

    name: str
    look: Callable[[], Iterator[Finding]]

    def findings(self) -> list[Finding]:
        """Do it; an error that a part raises is a finding, a missing asset a reason to skip."""
        from mmx.errors import AssetError, MmxError
        from mmx.support.text import describe, one_line, raised_at

        found: list[Finding] = []
        try:
            found.extend(self.look())
        except AssetError as error:
            found.append(Finding(self.name, True, one_line(str(error)), skipped=True))
        except (Exception, SystemExit) as error:  # a part that exits is no reason to leave out the rest
            told = one_line(str(error)) if isinstance(error, MmxError) else f"{describe(error)} ({raised_at(error)})"
            found.append(Finding(self.name, False, told))
        return found


def __getattr__(name: str) -> Any:
    """Import a check at its first use: `Finding` alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
