"""Differences between the environment of a run and the present one: code, versions, machine, threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import torch

from mmx.support import threads
from mmx.tracking import provenance

if TYPE_CHECKING:
    from mmx.config.experiment import Settings
    from mmx.runs.history import Record

_TOLD_APART: Final = ("git_commit", "git_dirty", "cpu_count", "threads")
"""Facts of an environment that have their own words, or say nothing by themselves."""


def since(record: Record, settings: Settings) -> Iterator[str]:
    """Yield what differs between the environment that a run noted in its report and the present one, a line each.

    Args:
        record: The run.
        settings: Those of the run that is to be; they say how many threads it will have.
    """
    before: Mapping[str, str] = record.report.get("environment", {})
    git = provenance.git_state()
    now = provenance.environment(git)
    if before.get("git_commit") != now.get("git_commit"):
        yield f"commit {_short(now.get('git_commit'))}, the run was at {_short(before.get('git_commit'))}"
    for whose, facts in (("the run", before), ("this checkout", now)):
        if facts.get("git_dirty") == "yes":
            yield f"{whose} has changes that are not committed"
    for name in dict.fromkeys((*before, *now)):
        if name not in _TOLD_APART and before.get(name) != now.get(name):
            yield f"{name} {now.get(name, 'missing')}, the run had {before.get(name, 'none')}"
    count = str(threads.choose(settings.threads, torch.get_num_threads()).count)
    if before.get("threads", count) != count:
        yield f"{count} threads, the run had {before['threads']}"


def _short(commit: str | None) -> str:
    return "unknown" if commit is None else commit[:12]
