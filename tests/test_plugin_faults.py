"""Every fault of a plugin, in a distribution as pip installs it: one line about it, and everything else works."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import run_server
from tests.core.distributions import HEALTHY, python
from tests.environments import Wheel

HOOKS = "from mmx import hookimpl\n"
PLAIN = """
import torch

class Plain(torch.nn.Module):
    "Does nothing."
"""
REGISTRY = """
experiments:
  tiny:
    summary: Two steps
    corpus: {use: worlds/shapes, clips: 16, val_clips: 4, test_clips: 8}
    encoders: {signal: {use: std/signal, channels: 40, widths: [4, 4]}}
    heads: {colour: {use: std/linear, reads: fused.signal, target: colour}}
    stages:
      - name: learn
        steps: 2
        batch_size: 4
        trains: [encoders, heads]
        objective: {use: std/cross-entropy, head: colour, target: colour}
    task: {use: std/classification, head: colour, target: colour}
    settings: {log_every: 1, checkpoint_every: 1}
"""


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what `mmx plugins` must say of it.

    Attributes:
        source: The plugin's top module.
        state: What `mmx plugins` calls it.
        reason: Pattern of the reason.
        name: Entry-point name.
        requires: What the distribution depends on.
        rival: A second distribution with the same entry point.
        tagged: Pattern of the tag that a run gets.
    """

    source: str
    state: str
    reason: str
    name: str = "foo"
    requires: Sequence[str] = ()
    rival: bool = False
    tagged: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def wheels(self) -> list[Wheel]:
        source = {"mmx_foo/__init__.py": textwrap.dedent(self.source)}
        first = Wheel("mmx-foo", {**source, **self.files}, {self.name: "mmx_foo"}, requires=self.requires)
        second = Wheel("impostor", {"impostor.py": "raise SystemError('imported')"}, {self.name: "impostor"}, "2.0")
        return [first, second] if self.rival else [first]


def hook(signature: str, body: str) -> str:
    return f"{HOOKS}@hookimpl\ndef {signature}:\n    {body}\n"


FAULTS = {
    "import raises": Fault("raise ValueError('no')", "broken", "import failed: ValueError: no"),
    "prints": Fault("import sys\nprint('hello'); print('world', file=sys.stderr)", "ok", "prints 'hello world'"),
    "calls sys.exit": Fault("import sys; sys.exit(3)", "broken", r"called sys.exit\(3\) while it was imported"),
    "misses a dependency": Fault(
        "import nowhere_at_all",
        "broken",
        "needs 'nowhere_at_all', which is not installed: pip install 'nowhere-at-all>=2'",
        requires=["nowhere-at-all>=2"],
    ),
    "misspells a hook": Fault(
        hook("mmx_registr(registry)", "pass"), "broken", "unknown hook 'mmx_registr'; did you mean 'mmx_register'?"
    ),
    "asks for an unknown argument": Fault(
        hook("mmx_metrics(run, stepp)", "pass"), "broken", "mmx_metrics has no argument 'stepp'; did you mean 'step'"
    ),
    "newer API": Fault("MMX_API = 99", "wrong api", "written for plugin API 99, this mmx has 1: pip install --upgrade"),
    "two distributions": Fault(
        "raise SystemError('imported')", "collision", "impostor 2.0 and mmx-foo 1.0", rival=True
    ),
    "same component twice": Fault(
        hook("mmx_register(registry)", "registry.head('foo/x', 'a:b'); registry.head('foo/x', 'c:d')"),
        "collision",
        "head 'foo/x' is registered twice",
    ),
    "shadows a component": Fault(
        hook("mmx_register(registry)", "registry.optimizer('std/adamw', 'a:b')"),
        "collision",
        "'std/adamw' belongs to 'std'",
    ),
    "shadows a plugin": Fault("raise SystemError('imported')", "collision", "'hero' belongs to mmx", name="hero"),
    "shadows a command": Fault(
        hook("mmx_commands(commands)", "commands.add('run', 'a:b', '')"), "collision", "would shadow mmx's own"
    ),
    "names a target that is not there": Fault(
        hook("mmx_register(registry)", "registry.head('foo/x', 'mmx_foo.nope:X')"), "ok", ""
    ),
    "names a target that exits": Fault(
        hook("mmx_register(registry)", "registry.head('foo/x', 'mmx_foo.exits:X')"),
        "ok",
        "",
        files={"mmx_foo/exits.py": "import sys\nsys.exit(5)\n"},
    ),
    "names a command that is not there": Fault(
        hook("mmx_commands(commands)", "commands.add('foo-x', 'mmx_foo.nope:x', 'X.')"), "ok", ""
    ),
    "returns no files of experiments": Fault(
        hook("mmx_experiments()", "return 3"), "broken", "mmx_experiments returned int; it must return paths of files"
    ),
    "brings an experiment that is wrong": Fault(
        hook("mmx_experiments()", "from pathlib import Path; return [Path(__file__).with_name('x.yaml')]"),
        "ok",
        "",
        files={"mmx_foo/x.yaml": "experiments: {odd: {extends: soundnet, presets: {bad: {corpus: {klips: 3}}}}}"},
    ),
    "brings a broken file": Fault(
        hook("mmx_experiments()", "from pathlib import Path; return [Path(__file__).with_name('x.yaml')]"),
        "ok",
        "",
        files={"mmx_foo/x.yaml": "experiments: {a: {summary: ]}"},
    ),
    **{
        f"raises in {name}": Fault(
            hook(f"{name}(run)", "raise ValueError('in the middle')"),
            "ok",
            "",
            tagged=f"plugin 'foo' .*{name}: ValueError: in the middle",
        )
        for name in ("mmx_run_begin", "mmx_metrics", "mmx_checkpoint_saved", "mmx_run_end")
    },
    "exits in mmx_metrics": Fault(
        hook("mmx_metrics()", "import sys; sys.exit(4)"), "ok", "", tagged="mmx_metrics: SystemExit: 4"
    ),
}

HOSTILE = {
    "cannot-say": (
        "class Bad(Exception):\n    def __str__(self): raise ValueError('no')\nraise Bad",
        "import failed: Bad: (its message cannot be shown)",
    ),
    "interrupts": ("raise KeyboardInterrupt", "import failed: KeyboardInterrupt"),
    "generator-exit": ("raise GeneratorExit", "import failed: GeneratorExit"),
    "generator-exit-later": (
        hook("mmx_commands(commands)", "yield\n    raise GeneratorExit"),
        "commands: GeneratorExit",
    ),
    "endless-recursion": ("def f(): return f()\nf()", "import failed: RecursionError: maximum"),
    "recursion-in-words": (
        "class B(Exception):\n    def __str__(self): return str(self)\nraise B",
        "import failed: B: (its message cannot be shown)",
    ),
    "less-depth": ("import sys\nsys.setrecursionlimit(50)", ""),
    "much-to-escape": ("raise ValueError('\\x1b' * 10_000_000)", r"import failed: ValueError: \x1b\x1b"),
    "much-to-split": ("raise ValueError('x ' * 5_000_000)", "import failed: ValueError: x x x"),
    "long-class": ("raise type('X' * 10_000_000, (Exception,), {})", "import failed: XXX"),
    "long-chain": (
        "e = None\nfor i in range(20_000):\n    n = ValueError(i); n.__cause__ = e; e = n\nraise e",
        "import failed: ValueError: 19999",
    ),
    "long-dependency": ("raise ModuleNotFoundError('n' * 10_000_000, name='q' * 10_000_000)", "import failed: Module"),
    "odd-dependency": ("raise ModuleNotFoundError(name=5)", "import failed: ModuleNotFoundError"),
    "long-exit": ("raise SystemExit('x' * 10_000_000)", "called sys.exit(xxx"),
    "exits-by-class": (
        "class M(type):\n    @property\n    def __name__(cls): raise SystemExit(9)\n"
        "class B(Exception, metaclass=M): pass\nraise B",
        "import failed: B",
    ),
    "exits-by-text": (
        "class S(str):\n    def split(self, *a): raise SystemExit(4)\n    __getitem__ = __len__ = __format__ = split\n"
        "class B(Exception):\n    def __str__(self): return S('x')\nraise B",
        "import failed: B: x",
    ),
    "exits-by-api": ("class A:\n    def __repr__(self): raise SystemExit(3)\nMMX_API = A()", "api: SystemExit: 3"),
    "long-api": ("MMX_API = 'x' * 10_000_000", "MMX_API must be a whole number, not 'xxx"),
    "huge-api": ("MMX_API = 10 ** 5000", "api: ValueError"),
    "exits-by-files": (
        hook("mmx_experiments()", "return Paths()")
        + "class Paths(list):\n    def __iter__(self): raise SystemExit(6)\n",
        "mmx_experiments returned Paths; it must return paths of files: SystemExit: 6",
    ),
    "prints-without-end": ("for _ in range(100_000): print('x' * 100)", ""),
}
"""Plugins that are out for more than themselves -> what they do, and how the reason begins; empty where they work."""

LOOKED_UP = {
    "names a target that is not there": "plugin 'foo' (mmx-foo 1.0): head 'foo/x': mmx_foo.nope:X: cannot import",
    "names a target that exits": "plugin 'foo' (mmx-foo 1.0): head 'foo/x': mmx_foo.exits:X: cannot import",
    "names a command that is not there": "plugin 'foo' (mmx-foo 1.0): command 'foo-x': mmx_foo.nope:x: cannot import",
    "brings an experiment that is wrong": "experiment odd: preset bad is valid: mmx_foo/x.yaml:1:",
}
"""Faults that do not keep a plugin from loading -> what `mmx plugins --check`, which looks names up, says of them."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One folder per fault, with a healthy plugin and the faulty one as pip lays wheels out."""
    root = tmp_path_factory.mktemp("sites")
    files = {"mmx_healthy/__init__.py": textwrap.dedent(HEALTHY), "mmx_healthy/model.py": PLAIN}
    healthy = Wheel("mmx-healthy", files, {"healthy": "mmx_healthy"})
    found = {name: root / name.replace(" ", "-") for name in FAULTS}
    for name, site in found.items():
        for wheel in (healthy, *FAULTS[name].wheels()):
            wheel.install(site)
    return found


def rows(site: Path, cwd: Path) -> list[dict[str, object]]:
    done = python(site, "-m", "mmx", "plugins", "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)["plugins"]
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str, sites: Mapping[str, Path], tmp_path: Path) -> None:
    fault, site = FAULTS[name], sites[name]
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    found = rows(site, tmp_path)
    mine = [row for row in found if row["name"] == fault.name and row["distribution"] != "mmx"]
    assert mine
    for row in mine:
        assert row["state"] == fault.state, row
        assert re.search(fault.reason, str(row["reason"])), row
    others = {row["name"]: row["state"] for row in found if row not in mine}
    assert others.items() >= {"std": "ok", "worlds": "ok", "healthy": "ok"}.items()
    listed = python(site, "-m", "mmx", "ls", cwd=tmp_path)
    assert (listed.returncode, "tiny" in listed.stdout) == (0, True), listed.stderr

    for arguments, expected in {
        ("ls", "encoders"): "healthy/plain",
        ("show", "tiny"): "std/signal",
        ("--help",): "run",
    }.items():
        code, output = run_server.run(site, tmp_path, *arguments)
        assert (code, expected in output) == (0, True), output
    broken = fault.state != "ok" or name == "brings a broken file"
    for arguments, wrong in (
        (("plugins", "--check"), broken or name in LOOKED_UP),
        (("--strict-plugins", "ls"), broken),
    ):
        code, output = run_server.run(site, tmp_path, *arguments)
        assert code == int(wrong), output
        assert LOOKED_UP.get(name, "") in output or "--strict-plugins" in arguments
        assert "Traceback" not in output
    code, output = run_server.run(site, tmp_path, "plugins", "--check", MMX_DISABLE_PLUGINS=fault.name)
    assert code == 0, output

    runs = tmp_path / "runs"
    code, output = run_server.run(site, tmp_path, "run", "tiny", "--no-tracking", "--quiet", "--runs", str(runs))
    assert code == 0, output
    assert "verdict: " in output
    (journal,) = (runs / "tiny").glob("*/journal.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    tags = {key: value for line in lines if line["event"] == "tags" for key, value in line["values"].items()}
    assert lines[-1]["status"] == "completed"
    if broken or fault.tagged:
        assert re.search(fault.tagged or "foo|std", tags["mmx.plugin_errors"])
    else:
        assert "mmx.plugin_errors" not in tags


def test_hostile_plugins_are_a_short_line_each_and_everything_else_works(tmp_path: Path) -> None:
    for name, (source, _) in HOSTILE.items():
        module = f"mmx_{name.replace('-', '_')}"
        marked = f"{source}\n# mmx_commands: --help imports it"
        Wheel(f"mmx-{name}", {f"{module}/__init__.py": marked}, {name: module}).install(tmp_path / "site")
    told = {}
    for arguments, expected in {
        ("--help",): "Train and test",
        ("ls",): "soundnet",
        ("plugins",): "much-to-escape",
        ("plugins", "--json"): "much-to-escape",
        ("show", "soundnet"): "soundnet/conv8",
    }.items():
        done = python(tmp_path / "site", "-m", "mmx", *arguments, cwd=tmp_path)
        assert (done.returncode, expected in done.stdout) == (0, True), done.stderr[-2000:]
        assert len(done.stdout + done.stderr) < 20_000 * len(HOSTILE), arguments
        assert max(map(len, done.stderr.splitlines()), default=0) < 1000
        told[arguments] = done.stdout
    rows = {row["name"]: row for row in json.loads(told["plugins", "--json"])["plugins"]}
    for name, (_, reason) in HOSTILE.items():
        assert rows[name]["state"] == ("broken" if reason else "ok")
        assert str(rows[name]["reason"]).startswith(reason), rows[name]["reason"]


def test_a_target_that_is_not_there_is_told_where_it_is_used(sites: Mapping[str, Path], tmp_path: Path) -> None:
    site = sites["names a target that is not there"]
    checked = python(site, "-m", "mmx", "check", "foo", cwd=tmp_path)
    assert checked.returncode == 1
    assert "head 'foo/x' of plugin 'foo' (mmx-foo 1.0): cannot import mmx_foo.nope" in checked.stdout
    for name in ("names a target that is not there", "names a target that exits"):
        shown = python(sites[name], "-m", "mmx", "show", "foo/x", cwd=tmp_path)
        assert shown.returncode == 1
        assert shown.stderr.startswith("error: ") and "cannot import mmx_foo." in shown.stderr
        listed = python(sites[name], "-m", "mmx", "ls", "heads", cwd=tmp_path)
        assert listed.returncode == 0
        assert "std/linear" in listed.stdout
        assert "broken: mmx_foo." in listed.stdout


@pytest.mark.parametrize("name", ["mmx_run_begin", "mmx_metrics", "mmx_run_end"])
def test_with_strict_plugins_a_hook_that_raises_ends_the_run_and_closes_its_record(
    name: str, sites: Mapping[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    arguments = ("--strict-plugins", "run", "tiny", "--no-tracking", "--quiet", "--runs", str(tmp_path / "runs"))
    code, output = run_server.run(sites[f"raises in {name}"], tmp_path, *arguments)
    assert code == 1
    assert f"{name}: ValueError: in the middle" in output and "Traceback" not in output
    (journal,) = (tmp_path / "runs" / "tiny").glob("*/journal.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert lines[-1]["status"] == "failed"
    tags = {key: value for line in lines if line["event"] == "tags" for key, value in line["values"].items()}
    assert f"{name}: ValueError: in the middle" in tags["mmx.plugin_errors"]


def test_only_named_plugins(sites: Mapping[str, Path], tmp_path: Path) -> None:
    listed = python(sites["prints"], "-m", "mmx", "plugins", "--json", cwd=tmp_path, MMX_PLUGINS="healthy").stdout
    states = {row["name"]: row["state"] for row in json.loads(listed)["plugins"]}
    assert (states["foo"], states["healthy"], states["std"]) == ("disabled", "ok", "ok")
