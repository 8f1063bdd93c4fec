"""The kit as tests: one line in a test file, one test per check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmx.config.catalog import Catalog
from mmx.testing import Check
from mmx.testing.kit import CPU_SECONDS, plugin_checks


def plugin_tests(
    plugin: str,
    *,
    folder: Path | None = None,
    cases: Mapping[str, Mapping[str, Any]] | None = None,
    raws: Mapping[str, Sequence[Any]] | None = None,
    cpu_seconds: float = CPU_SECONDS,
    runs: bool = True,
) -> Callable[[Check], None]:
    """Return a pytest test function, parametrised over all checks of a plugin.

    Args:
        plugin: The plugin's name.
        folder: The folder that holds its package, so that it need not be installed.
        cases: Component name -> constructor parameters to try it with.
        raws: Modality -> raw values to try its encoders on.
        cpu_seconds: CPU time that each smoke run may take.
        runs: Whether to run the smoke presets of its experiments.

    Example:
        `test_conformance = plugin_tests("my_plugin", folder=Path(__file__).parents[1])`
    """
    import pytest

    local = [] if folder is None else [folder]
    # The folder of the package, not the current one: somebody's registry.yaml must not decide what is tested.
    # Its code runs in any case: it is what is tested.
    catalog = Catalog.open(folder or Path(__file__).parent, plugin_dirs=local, trust=lambda at, entries, found: True)
    checks = plugin_checks(catalog, plugin, cases=cases, raws=raws, cpu_seconds=cpu_seconds, runs=runs)

    @pytest.mark.parametrize("check", checks, ids=[check.name.replace(" ", "-") for check in checks])
    def test_plugin(check: Check) -> None:
        findings = check.findings()
        failed = [f"{finding.what}: {finding.detail}" for finding in findings if not finding.ok]
        if failed:
            pytest.fail("\n".join(failed), pytrace=False)
        skipped = [finding.detail for finding in findings if finding.skipped]
        if skipped:
            pytest.skip(skipped[0])

    return test_plugin
