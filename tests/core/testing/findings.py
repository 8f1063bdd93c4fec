"""Which checks failed."""

from __future__ import annotations

from collections.abc import Iterable

from mmx.testing import Finding


def failed(findings: Iterable[Finding]) -> set[str]:
    return {finding.what.partition(": ")[2] or finding.what for finding in findings if not finding.ok}
