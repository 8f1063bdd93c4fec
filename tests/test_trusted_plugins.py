"""Plugins that the current folder's registry.yaml names: not a line of them runs before somebody says so."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mmx.cli import main
from mmx.studies.sweep import Outcome, Sweep, Trial

SOURCE = """
from pathlib import Path
from mmx import hookimpl

Path(__file__).parents[2].joinpath("ran").touch()

@hookimpl
def mmx_register(registry):
    registry.head("own/head", "mmx_own.model:Head")

@hookimpl
def mmx_commands(commands):
    commands.add("own-hello", "mmx_own.model:hello", "Say hello.")
"""
REGISTRY = """
plugins: [./plugins]
experiments:
  theirs: {extends: soundnet, summary: Without their plugin}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plugins" / "mmx_own").mkdir(parents=True)
    (tmp_path / "plugins" / "mmx_own" / "__init__.py").write_text(SOURCE)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    return tmp_path


def mmx(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `mmx` without a terminal; return its exit code and all that it printed."""
    command = [sys.executable, "-m", "mmx", *arguments]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False
    )
    return done.returncode, done.stdout + done.stderr


def on_a_terminal(folder: Path, answer: str, *arguments: str) -> str:
    """Run `mmx` on a terminal on which `answer` is typed; return what was shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "mmx", *arguments])
    os.write(terminal, answer.encode())
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass  # it has ended
    os.waitpid(child, 0)
    os.close(terminal)
    return shown.decode()


def ran(folder: Path) -> bool:
    """Return whether the plugin's code ran since this was asked last."""
    mark = folder / "ran"
    found = mark.exists()
    mark.unlink(missing_ok=True)
    return found


def test_without_a_terminal_nothing_runs_one_line_says_how_and_all_else_works(folder: Path) -> None:
    for arguments, expected in {
        ("ls",): "theirs",
        ("show", "soundnet"): "soundnet/conv8",
        ("run", "theirs", "--dry-run"): "std/cross-entropy",
        ("--help",): "Train and test:",
        ("plugins",): "untrusted",
    }.items():
        code, printed = mmx(folder, *arguments)
        assert (code, expected in printed) == (0, True), printed
        assert printed.count("mmx --trust-plugins COMMAND") == 1, printed
        assert not ran(folder), arguments
    code, printed = mmx(folder, "show", "own/head")
    assert (code, ran(folder)) == (2, False), printed
    code, printed = mmx(folder, "--strict-plugins", "ls")
    assert (code, ran(folder)) == (1, False)
    assert "plugin 'own' (local folder) is not trusted" in printed


def test_a_script_trusts_by_a_flag_which_is_kept_until_a_file_changes(folder: Path) -> None:
    code, printed = mmx(folder, "--trust-plugins", "ls", "heads")
    assert (code, "own/head" in printed, ran(folder)) == (0, True, True)
    code, printed = mmx(folder, "--help")
    assert ("own-hello" in printed, "--trust-plugins COMMAND" in printed, ran(folder)) == (True, False, True)
    with (folder / "plugins" / "mmx_own" / "__init__.py").open("a") as file:
        file.write("# changed\n")
    code, printed = mmx(folder, "ls", "heads")
    assert ("own/head" in printed, "--trust-plugins COMMAND" in printed, ran(folder)) == (False, True, False)


def test_on_a_terminal_it_is_asked_once(folder: Path) -> None:
    shown = on_a_terminal(folder, "y\n", "ls", "heads")
    assert "names plugins of its own: own. Their code would run at every command here." in " ".join(shown.split())
    assert ("Do you trust it? [y/N]" in shown, "own/head" in shown, ran(folder)) == (True, True, True)
    assert "Do you trust it" not in on_a_terminal(folder, "n\n", "ls", "heads")
    assert ran(folder)
    (folder / "plugins" / "mmx_own" / "added.py").touch()
    shown = on_a_terminal(folder, "\n", "ls", "heads")
    assert ("Do you trust it" in shown, "own/head" in shown, ran(folder)) == (True, False, False)
    shown = on_a_terminal(folder, "y\n", "ls", "heads")
    assert ("Do you trust it" in shown, "own/head" in shown, ran(folder)) == (False, False, False), "no is remembered"
    assert mmx(folder, "--trust-plugins", "ls", "heads")[0] == 0
    assert ran(folder)


def test_python_asks_nobody_and_runs_what_was_trusted(folder: Path) -> None:
    command = [sys.executable, "-c", "import mmx; print([each.name for each in mmx.components('heads')])"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=True).stdout
    assert ("std/linear" in said, "own/head" in said, ran(folder)) == (True, False, False)
    mmx(folder, "--trust-plugins", "ls")
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=True).stdout
    assert ("own/head" in said, ran(folder)) == (True, True)


@pytest.mark.parametrize("name", ["marker:go", "marker/go", "marker", "builtins:eval", "mmx_std.heads.linear:Linear"])
def test_a_file_or_a_command_line_names_no_module(tmp_path: Path, name: str) -> None:
    (tmp_path / "marker.py").write_text("open('ran', 'w')\n")
    (tmp_path / "registry.yaml").write_text(
        f"experiments: {{theirs: {{extends: soundnet, corpus: {{use: '{name}'}}}}}}"
    )
    for arguments in (["run", "theirs", "--dry-run"], ["run", "soundnet", f"task.use={name}", "--dry-run"]):
        code, printed = mmx(tmp_path, *arguments)
        assert (code, ran(tmp_path), "error: " in printed) == (2, False, True), printed


ATTACKED = """
from pathlib import Path
from mmx import hookimpl

Path(__file__).with_name("part.py").write_text("open('ran', 'w')")
import mmx_own.part
"""


def test_a_file_that_changes_while_its_plugin_loads_is_not_run(folder: Path) -> None:
    package = folder / "plugins" / "mmx_own"
    (package / "part.py").write_text("")
    (package / "__init__.py").write_text(ATTACKED)
    code, printed = mmx(folder, "--trust-plugins", "ls", "heads")
    assert (code, ran(folder), "part.py is not what was trusted" in printed) == (0, False, True), printed
    code, printed = mmx(folder, "ls", "heads")
    assert (code, ran(folder), "--trust-plugins COMMAND" in printed) == (0, False, True), printed


STARTS = """
import multiprocessing, os, sys
import mmx
assert "own/head" in [each.name for each in mmx.components("heads")]
import mmx_own.part
if sys.argv[2] == "changed":
    open(mmx_own.part.__file__, "a").write("open('attacked', 'w')\\n")
process = multiprocessing.get_context(sys.argv[1]).Process(target=mmx_own.part.write)
process.start(); process.join()
sys.exit(process.exitcode)
"""


@pytest.mark.parametrize("way", ["spawn", "forkserver"])
def test_processes_that_python_starts_anew_run_the_trusted_bytes_only(folder: Path, way: str) -> None:
    package = folder / "plugins" / "mmx_own"
    (package / "part.py").write_text("def write():\n    open('written', 'w').close()\n")
    assert mmx(folder, "--trust-plugins", "ls")[0] == 0
    for change in ("unchanged", "changed"):
        command = [sys.executable, "-c", STARTS, way, change]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
        found = (done.returncode == 0, (folder / "written").exists(), (folder / "attacked").exists())
        assert found == (change == "unchanged", change == "unchanged", False), done.stderr
        (folder / "written").unlink(missing_ok=True)
    assert "part.py is not what was trusted" in done.stderr


def test_the_flag_trusts_once_and_is_not_handed_to_the_runs_of_a_sweep(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked: list[list[str]] = []

    def no_run(self: Sweep, trials: Sequence[Trial], ended: Callable[[Outcome], None]) -> list[Outcome]:
        asked.extend(self.command(trial) for trial in trials)
        return [Outcome(trial, None, None, "not started", 0.0) for trial in trials]

    monkeypatch.setattr(Sweep, "run", no_run)
    monkeypatch.chdir(folder)
    kept = ["--trust-plugins", "sweep", "theirs", "--seeds", "0", "--no-tracking"]
    main(kept)
    monkeypatch.setenv("MMX_CACHE", "/dev/null/nowhere")
    main(kept)  # no answer can be kept, so every run is asked anew
    assert [command[1:4] for command in asked] == [["-P", "-m", "mmx"]] * 2
    assert ["--trust-plugins" in command for command in asked] == [False, True]
