"""Every way in which a plugin can be broken costs one line that says what to do, and the others work."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import pytest

from mmx.errors import PluginError
from tests.core.distributions import install
from tests.core.sites import assert_others_work, hooks, load, record, site

__all__ = ["site"]

FAULTS = {
    "raises": (
        "raise ValueError('first\\nsecond \\x1b[31m')",
        "broken",
        "import",
        r"import failed: ValueError: first second \\x1b\[31m",
    ),
    "exits": ("import sys; sys.exit(3)", "broken", "import", r"called sys.exit\(3\) while it was imported"),
    "base exception": ("class Odd(BaseException): ...\nraise Odd('x')", "broken", "import", "import failed: Odd: x"),
    "syntax error": ("def (:", "broken", "import", "import failed: SyntaxError"),
    "missing dependency": (
        "import cv2_nope",
        "broken",
        "import",
        "needs 'cv2_nope', which is not installed: pip install cv2_nope",
    ),
    "own missing submodule": (
        "import mmx_foo.nope",
        "broken",
        "import",
        "import failed: ModuleNotFoundError: No module named 'mmx_foo.nope'",
    ),
    "misspelt hook": (
        hooks("@hookimpl\ndef mmx_registr(registry): ..."),
        "broken",
        "hooks",
        "unknown hook 'mmx_registr'; did you mean 'mmx_register'?",
    ),
    "unknown argument": (
        hooks("@hookimpl\ndef mmx_metrics(run, stepp): ..."),
        "broken",
        "hooks",
        "mmx_metrics has no argument 'stepp'; did you mean 'step'",
    ),
    "no argument at all": (
        hooks("@hookimpl\ndef mmx_doctor(run): ..."),
        "broken",
        "hooks",
        "mmx_doctor has no argument 'run'; it takes none",
    ),
    "not decorated": (
        "def mmx_register(registry): ...",
        "broken",
        "hooks",
        "mmx_register is not decorated with @mmx.hookimpl",
    ),
    "wrapper": (
        hooks("@hookimpl(wrapper=True)\ndef mmx_run_begin(run):\n    yield"),
        "broken",
        "hooks",
        "mmx_run_begin is a hook wrapper",
    ),
    "newer API": (
        "MMX_API = 99",
        "wrong api",
        "api",
        "written for plugin API 99, this mmx has 1: pip install --upgrade mmx",
    ),
    "older API": (
        "MMX_API = 0",
        "wrong api",
        "api",
        "written for plugin API 0, this mmx has 1: look for a newer version",
    ),
    "odd API": ("MMX_API = '1'", "broken", "api", "MMX_API must be a whole number, not '1'"),
    "odd card": ("CARD = 'title'", "broken", "card", "CARD is not an mmx.Card"),
    "register raises": (
        hooks("@hookimpl\ndef mmx_register(registry):\n    1 / 0"),
        "broken",
        "register",
        "register: ZeroDivisionError",
    ),
    "another's prefix": (
        hooks("@hookimpl\ndef mmx_register(registry):\n    registry.encoder('std/mine', 'a:b')"),
        "collision",
        "register",
        "'std/mine' belongs to 'std'",
    ),
    "same component twice": (
        hooks(
            "@hookimpl\ndef mmx_register(registry):\n    registry.head('foo/x', 'a:b'); registry.head('foo/x', 'c:d')"
        ),
        "collision",
        "register",
        r"head 'foo/x' is registered twice: a:b \(mmx-foo 1.0\) and c:d \(mmx-foo 1.0\)",
    ),
    "unknown kind": (
        hooks("@hookimpl\ndef mmx_register(registry):\n    registry.add('encodr', 'foo/x', 'a:b')"),
        "broken",
        "register",
        "unknown kind 'encodr'; did you mean 'encoder'",
    ),
    "import path as a target": (
        hooks("@hookimpl\ndef mmx_register(registry):\n    registry.head('foo/x', 'os.system')"),
        "broken",
        "register",
        "target 'os.system' of 'foo/x' is not of the form module:attribute",
    ),
    "shadows a command": (
        hooks(
            "@hookimpl\ndef mmx_register(registry):\n    registry.head('foo/x', 'a:b')\n"
            "@hookimpl\ndef mmx_commands(commands):\n"
            "    commands.add('foo-ok', 'a:b', '')\n    commands.add('run', 'a:b', '')"
        ),
        "collision",
        "commands",
        "command 'run' would shadow mmx's own; name it 'foo-run'",
    ),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_fault(site: Path, fault: str) -> None:
    source, state, phase, reason = FAULTS[fault]
    install(site, "foo", source)
    plugins = load()
    item = record(plugins, "foo")
    assert (item.state, item.phase) == (state, phase)
    assert re.search(reason, item.reason), item.reason
    assert "\n" not in item.reason
    assert item.traceback
    (problem,) = plugins.problems
    assert problem.startswith("plugin 'foo' (mmx-foo 1.0) is ")
    assert plugins.registry.failed == ["foo"]
    assert not [entry for entry in plugins.registry.entries() if entry.plugin == "foo"], "not rolled back"
    assert not plugins.commands, "not rolled back"
    assert plugins.call("mmx_run_begin", run=None) == []
    assert_others_work(plugins)
    with pytest.raises(PluginError, match="plugin 'foo'"):
        load(strict=True)


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ([], "pip install pyyaml_nope"),
        (["pyyaml-nope>=6,<7"], "pip install 'pyyaml-nope<7,>=6'"),
        (['pyyaml-nope>=6; extra == "audio"'], r"pip install 'mmx-foo\[audio\]'"),
        (["== not a requirement", "PyYAML.nope"], "pip install 'PyYAML.nope'"),
    ],
)
def test_missing_dependency_says_how_to_install_it(site: Path, requires: list[str], expected: str) -> None:
    install(site, "foo", "import pyyaml_nope.deep", requires=requires)
    assert re.search(f"needs 'pyyaml_nope', .*: {expected}$", record(load(), "foo").reason)


def test_noise_is_kept_and_streams_come_back(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(
        site,
        "foo",
        """
        import logging, sys
        print("hello"); print("warning", file=sys.stderr); sys.stdout.writelines(["a", "b" * 9000]); sys.stdout.isatty()
        HANDLER = logging.StreamHandler()
        """,
    )
    before = sys.stdout, sys.stderr
    item = record(load(), "foo")
    assert (sys.stdout, sys.stderr) == before
    assert item.state == "ok"
    assert item.noise.startswith("hello\nwarning\nab")
    assert len(item.noise) <= 4000
    assert capsys.readouterr() == ("", "")
    handler: logging.Handler = sys.modules["mmx_foo"].HANDLER
    handler.emit(logging.LogRecord("x", 20, "f", 1, "later", (), None))
    assert capsys.readouterr().err == "later\n", "a stream that the plugin keeps must not swallow what comes later"
