"""The command line's edge: laziness, names, exit codes, one line per error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

import mmx.cli
from mmx.cli import main
from mmx.errors import AssetError, ConfigError, MmxError, PluginError
from mmx.plugins.commands import BUILT_IN
from tests.core.distributions import HEALTHY, install, python

HEAVY = ("torch", "mlflow", "numpy", "transformers")
WITH_COMMAND = (
    HEALTHY
    + """
    @hookimpl
    def mmx_commands(commands):
        commands.add("healthy-hello", "mmx_healthy.cli:hello", "Say hello.")
        commands.add("gone", "mmx_healthy.gone:hello", "Not there.")
        commands.add("odd", "os.path:join", "No click command.")
"""
)
HELLO = "import click\n@click.command()\n@click.argument('name')\ndef hello(name):\n    click.echo(f'hello {name}')\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    package = install(tmp_path / "site", "healthy", WITH_COMMAND)
    (package / "cli.py").write_text(HELLO)
    return tmp_path / "site"


def imported(arguments: list[str], cwd: Path) -> set[str]:
    """Return the top-level modules that a call of mmx imports."""
    code = f"import sys\nfrom mmx.cli import main\nmain({arguments!r})\nprint('MODULES', *sys.modules)"
    result = python(None, "-c", code, cwd=cwd)
    return set(result.stdout.rpartition("MODULES")[2].split())


def test_help_imports_no_command_and_nothing_heavy(tmp_path: Path) -> None:
    modules = imported(["--help"], tmp_path)
    assert "click" in modules
    assert not modules & {*HEAVY, "pluggy", "pydantic", "yaml", "rich", "importlib.metadata", "mmx.types"}
    assert not modules & {module for module, _ in BUILT_IN.values()}


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"], ["fetch"], ["--version"], ["rnu"]])
def test_light_commands_stay_light(tmp_path: Path, arguments: list[str]) -> None:
    assert not imported(arguments, tmp_path) & set(HEAVY)


def test_help_lists_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert [name for name in BUILT_IN if not re.search(rf"^  {name} ", text, re.MULTILINE)] == []
    assert main([]) == 0
    assert capsys.readouterr().out == text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mmx {mmx.__version__}\n"


def test_commands_of_plugins(site: Path, tmp_path: Path) -> None:
    listed = python(site, "-m", "mmx", "--help", cwd=tmp_path)
    assert re.search(r"Commands of plugins:\n(.*\n)*  healthy-hello +Say hello\.", listed.stdout)
    said = python(site, "-m", "mmx", "healthy-hello", "you", cwd=tmp_path)
    assert (said.stdout, said.returncode) == ("hello you\n", 0)
    gone = python(site, "-m", "mmx", "gone", cwd=tmp_path)
    assert gone.returncode == 1
    assert gone.stderr.startswith("error: command 'gone' of plugin 'healthy' (mmx-healthy 1.0): cannot import")
    odd = python(site, "-m", "mmx", "odd", cwd=tmp_path)
    assert (odd.returncode, odd.stderr.count("\n")) == (1, 1)
    assert "os.path:join is no click command but a function" in odd.stderr


def test_commands_of_a_local_plugin(site: Path, tmp_path: Path) -> None:
    folder = site.rename(tmp_path / "ideas")
    result = python(None, "-m", "mmx", "--plugin-dir", str(folder), "healthy-hello", "you", cwd=tmp_path)
    assert result.stdout == "hello you\n", result.stderr
    result = python(None, "-m", "mmx", "--plugin-dir", str(folder / "mmx_healthy"), "--help", cwd=tmp_path)
    assert "Say hello." in result.stdout


def test_unknown_command(site: Path, tmp_path: Path) -> None:
    install(site, "foo", "1 / 0")
    result = python(site, "-m", "mmx", "healthy-helo", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == (
        "error: no command 'healthy-helo'; did you mean 'healthy-hello'?; "
        "plugins that failed to load: foo (mmx plugins); see: mmx --help\n"
    )


@pytest.mark.parametrize("arguments", [["--nope"], ["plugins", "--nope"], ["plugins", "extra"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "--help" in error


def failing(error: BaseException) -> Any:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make `mmx doctor` raise."""
    import mmx.cli.doctor

    return lambda error: monkeypatch.setattr(mmx.cli.doctor, "command", failing(error))


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MmxError("it failed"), 1, "error: it failed\n"),
        (PluginError("plugin"), 1, "error: plugin\n"),
        (AssetError("gone \x1b[31m"), 2, "error: gone \\x1b[31m\n"),
        (ConfigError(["a:1: x", "b:2: y"]), 2, "error: a:1: x\nerror: b:2: y\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            ValueError("two\nlines"),
            1,
            "error: ValueError: two lines; run with --debug for the traceback: mmx --debug doctor\n",
        ),
    ],
)
def test_errors(fail: Any, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str) -> None:
    fail(error)
    assert main(["doctor"]) == code
    assert capsys.readouterr().err.lstrip("\n") == text


@pytest.mark.parametrize("error", [ValueError("x"), MmxError("y")])
def test_debug_lets_the_traceback_through(fail: Any, error: Exception) -> None:
    fail(error)
    with pytest.raises(type(error)):
        main(["--debug", "doctor"])


def test_strict_plugins(site: Path, tmp_path: Path) -> None:
    install(site, "foo", "raise ValueError('no')")
    result = python(site, "-m", "mmx", "--strict-plugins", "plugins", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "error: plugin 'foo' (mmx-foo 1.0) is broken: import failed: ValueError: no\n"


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"]])
def test_a_reader_that_leaves(tmp_path: Path, arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mmx", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1
    process.stderr.close()


def test_broken_plugins_never_break_help(site: Path, tmp_path: Path) -> None:
    install(site, "foo", "# mmx_commands\nimport sys; sys.exit(3)")
    result = python(site, "-m", "mmx", "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "Say hello." in result.stdout
