"""Every way a plugin can be broken costs one line; the others work."""

from __future__ import annotations

import logging
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import PluginError
from mmx.interrupt import Interrupted
from mmx.plugins import PluginRecord, Plugins, load_plugins
from tests.core.distributions import HEALTHY, install

Installer = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path with one healthy plugin; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    install(folder, "healthy", HEALTHY)
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("mmx_"):
            del sys.modules[name]


def load(**options: Any) -> Plugins:
    return load_plugins(environ={}, **options)


def record(plugins: Plugins, name: str) -> PluginRecord:
    (found,) = [item for item in plugins.records if item.name == name]
    return found


def assert_others_work(plugins: Plugins) -> None:
    assert record(plugins, "healthy").state == "ok"
    assert plugins.registry.lookup("encoder", "healthy/plain").distribution == "mmx-healthy 1.0"
    assert record(plugins, "std").state == "ok"


def hooks(body: str) -> str:
    return "from mmx import hookimpl\n" + textwrap.dedent(body)


def test_first_party_plugins_come_through_the_same_door() -> None:
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    assert {item.distribution for item in plugins.records if item.state == "ok"} == {"mmx"}
    assert {"std", "worlds", "soundnet"} <= {item.name for item in plugins.records}
    assert plugins.registry.lookup("optimizer", "adam").plugin == "std"


def test_healthy(site: Path) -> None:
    plugins = load()
    item = record(plugins, "healthy")
    assert (item.state, item.reason, item.phase, item.version, item.api) == ("ok", "", "", "1.0", 1)
    assert (item.components, item.heavy, item.noise) == (1, (), "")
    assert item.card is not None
    assert item.card.title == "Healthy"
    assert plugins.problems == []


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


def test_entry_point_without_module(site: Path) -> None:
    (install(site, "foo", "") / "__init__.py").unlink()
    (site / "mmx_foo").rmdir()
    assert "names the module 'mmx_foo', which does not exist" in record(load(), "foo").reason


def test_keyboard_interrupt_is_the_users_not_the_plugins(site: Path) -> None:
    install(site, "foo", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load()


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


def test_slow_import_is_measured(site: Path) -> None:
    install(site, "foo", "import time; time.sleep(0.3)")
    plugins = load()
    assert record(plugins, "foo").seconds >= 0.3
    assert record(plugins, "healthy").seconds < 0.3
    assert record(plugins, "foo").state == "ok"


def test_two_distributions_with_one_name_are_both_left_out(site: Path) -> None:
    install(site, "foo", "raise SystemError('imported')", distribution="mmx-foo")
    install(site, "foo", "raise SystemError('imported')", distribution="impostor", version="2.0")
    plugins = load()
    found = [item for item in plugins.records if item.name == "foo"]
    assert [item.state for item in found] == ["collision", "collision"]
    assert all("impostor 2.0 and mmx-foo 1.0" in item.reason for item in found)
    assert "mmx_foo" not in sys.modules
    assert_others_work(plugins)


def test_nobody_displaces_what_comes_with_mmx(site: Path) -> None:
    install(site, "std", "raise SystemError('imported')", distribution="impostor", module="mmx_impostor")
    plugins = load()
    states = {item.distribution: (item.state, item.reason) for item in plugins.records if item.name == "std"}
    assert states["mmx"][0] == "ok"
    assert states["impostor"] == ("collision", f"the name 'std' belongs to {record_of_mmx(plugins)}, which keeps it")
    assert "mmx_impostor" not in sys.modules
    assert plugins.registry.lookup("optimizer", "adam").distribution.startswith("mmx ")


def record_of_mmx(plugins: Plugins) -> str:
    return next(item.origin for item in plugins.records if item.distribution == "mmx")


def test_one_module_under_two_names(site: Path) -> None:
    install(site, "bar", "", module="mmx_same")
    install(site, "foo", "", module="mmx_same")
    plugins = load()
    assert record(plugins, "bar").state == "ok"
    assert record(plugins, "foo").state == "collision"
    assert "loaded already, as plugin 'bar'" in record(plugins, "foo").reason


def test_a_name_that_could_not_prefix_components(site: Path) -> None:
    install(site, "Bad Name", "", module="mmx_bad")
    plugins = load_plugins(environ={})
    assert record(plugins, "Bad Name").state == "broken"


def test_a_target_that_does_not_exist_is_found_at_use(site: Path) -> None:
    install(site, "foo", hooks("@hookimpl\ndef mmx_register(registry):\n    registry.head('foo/x', 'mmx_foo.nope:X')"))
    plugins = load()
    assert record(plugins, "foo").state == "ok"
    with pytest.raises(PluginError, match=r"head 'foo/x' of plugin 'foo' \(mmx-foo 1.0\): cannot import mmx_foo.nope"):
        plugins.registry.lookup("head", "foo/x").load()
    assert_others_work(plugins)


def test_switches(site: Path) -> None:
    for name in ("foo", "bar"):
        install(site, name, "raise SystemError('imported')")

    def states(**environ: str) -> dict[str, str]:
        return {item.name: item.state for item in load_plugins(environ=environ).records}

    assert states(MMX_DISABLE_PLUGINS="foo, bar")["foo"] == "disabled"
    assert states(MMX_PLUGINS="healthy")["foo"] == "disabled"
    assert states(MMX_PLUGINS="")["healthy"] == "disabled"
    assert states(MMX_PLUGINS="")["std"] == "ok", "what comes with mmx is switched off by name only"
    assert states(MMX_PLUGINS="", MMX_DISABLE_PLUGINS="std")["std"] == "disabled"
    assert "mmx_foo" not in sys.modules
    plugins = load_plugins(environ={"MMX_PLUGINS": "helthy"})
    assert plugins.problems == ["MMX_PLUGINS names 'helthy', which is not installed; did you mean 'healthy'?"]


def test_a_disabled_rival_is_no_collision(site: Path) -> None:
    install(site, "soundnet", "", distribution="impostor", module="mmx_impostor")
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    assert sorted(item.state for item in plugins.records if item.name == "soundnet") == ["disabled", "ok"]


LIFECYCLE = {
    "mmx_run_begin": {"run": None},
    "mmx_metrics": {"run": None, "step": 1, "metrics": {}},
    "mmx_checkpoint_saved": {"run": None, "path": Path(), "step": 1},
    "mmx_run_end": {"run": None, "status": "completed", "error": None},
}


@pytest.mark.parametrize("hook", sorted(LIFECYCLE))
@pytest.mark.parametrize("error", ["ValueError('no')", "SystemExit(1)", "type('Odd', (BaseException,), {})()"])
def test_a_raising_lifecycle_hook_disables_its_plugin(site: Path, hook: str, error: str) -> None:
    others = [name for name in LIFECYCLE if name != hook]
    body = "".join(f"@hookimpl\ndef {name}():\n    return '{name}'\n" for name in others)
    register = "@hookimpl\ndef mmx_register(registry):\n    registry.head('foo/x', 'a:b')\n"
    install(site, "foo", hooks(f"{register}{body}@hookimpl\ndef {hook}():\n    raise {error}\n"))
    install(site, "bar", hooks(f"@hookimpl\ndef {hook}():\n    return 'bar'\n"))
    plugins = load()
    other = others[0]
    assert plugins.call(other, **LIFECYCLE[other]) == [("foo", other)]
    assert plugins.call(hook, **LIFECYCLE[hook]) == [("bar", "bar")], "the caller and the others go on"
    item = record(plugins, "foo")
    assert (item.state, item.phase) == ("broken", hook)
    assert item.reason.startswith(f"{hook}: ")
    assert item.traceback
    assert plugins.problems == [item.problem]
    assert plugins.call(other, **LIFECYCLE[other]) == [], "its other hooks are not called again"
    assert plugins.registry.lookup("head", "foo/x"), "built parts may be in use"
    assert_others_work(plugins)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted(signal.SIGTERM)])
def test_a_signal_passes_through_a_hook(site: Path, stop: BaseException) -> None:
    install(site, "foo", hooks("@hookimpl\ndef mmx_run_begin(run):\n    raise run\n"))
    plugins = load()
    with pytest.raises(type(stop)):
        plugins.call("mmx_run_begin", run=stop)
    assert record(plugins, "foo").state == "ok"


def test_strict_hooks_raise(site: Path) -> None:
    install(site, "foo", hooks("@hookimpl\ndef mmx_run_begin():\n    raise ValueError('no')\n"))
    with pytest.raises(PluginError, match="mmx_run_begin: ValueError: no"):
        load(strict=True).call("mmx_run_begin", run=None)


def test_hooks_get_the_arguments_they_ask_for_and_generators_are_run(site: Path) -> None:
    install(site, "bar", hooks("@hookimpl\ndef mmx_metrics(metrics, step):\n    return step, metrics\n"))
    install(site, "foo", hooks("@hookimpl\ndef mmx_metrics():\n    yield 1\n    raise ValueError('late')\n"))
    plugins = load()
    results = plugins.call("mmx_metrics", run=None, step=7, metrics={"loss": 1.0})
    assert results == [("bar", (7, {"loss": 1.0}))]
    assert "ValueError: late" in record(plugins, "foo").reason


def test_tryfirst_is_honoured(site: Path) -> None:
    install(site, "bar", hooks("@hookimpl\ndef mmx_doctor():\n    return 'bar'\n"))
    install(site, "foo", hooks("@hookimpl(tryfirst=True)\ndef mmx_doctor():\n    return 'foo'\n"))
    install(site, "zoo", hooks("@hookimpl(trylast=True)\ndef mmx_doctor():\n    return 'zoo'\n"))
    assert [name for name, _ in load().call("mmx_doctor")] == ["foo", "bar", "zoo"]


def test_experiment_files(site: Path) -> None:
    body = "from pathlib import Path\n@hookimpl\ndef mmx_experiments():\n    return {}\n"
    package = install(
        site, "foo", hooks(body.format("[Path(__file__).with_name('a.yaml'), __file__[:-11] + 'b.yaml']"))
    )
    (package / "a.yaml").touch()
    (package / "b.yaml").touch()
    install(site, "bar", hooks(body.format("[Path('/nowhere/x.yaml'), Path('/nowhere/y.yaml')]")))
    plugins = load()
    assert plugins.experiment_files() == [("foo", package / "a.yaml"), ("foo", package / "b.yaml")]
    assert record(plugins, "bar").reason == "no file /nowhere/x.yaml"


def test_commands_are_collected(site: Path) -> None:
    install(
        site, "foo", hooks("@hookimpl\ndef mmx_commands(commands):\n    commands.add('foo-x', 'mmx_foo.cli:x', 'X.')")
    )
    plugins = load()
    assert plugins.commands["foo-x"].plugin == "foo"
    assert plugins.commands["foo-x"].distribution == "mmx-foo 1.0"


def test_heavy_imports_are_reported(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "torch.py").touch()
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    install(site, "foo", "import torch")
    assert record(load(), "foo").heavy == ("torch",)
    sys.modules.pop("torch", None)


def test_local_folders(site: Path, tmp_path: Path) -> None:
    home = tmp_path / "ideas"
    for name in ("mmx_idea", "mmx_idea_two"):
        (home / name).mkdir(parents=True)
        source = hooks(f"@hookimpl\ndef mmx_register(registry):\n    registry.head('{name[4:]}/x', 'a:b')\n")
        (home / name / "__init__.py").write_text(source)
    plugins = load(local=[home, home / "mmx_idea", home])
    for name in ("idea", "idea_two"):
        item = record(plugins, name)
        assert (item.state, item.distribution, item.components) == ("ok", "local folder", 1), item.reason
    assert plugins.registry.lookup("head", "idea/x").distribution == f"local folder {home}"
    assert_others_work(plugins)


def test_local_folder_without_a_plugin(site: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    plugins = load(local=[tmp_path / "empty", tmp_path / "absent"])
    assert "no package mmx_* in" in record(plugins, "empty").reason
    assert "there is no folder" in record(plugins, "absent").reason
    assert_others_work(plugins)


def test_local_folder_of_an_installed_name(site: Path, tmp_path: Path) -> None:
    assert record(load(local=[site]), "healthy").distribution == "mmx-healthy", "the source of an editable install"
    (tmp_path / "mmx_healthy").mkdir()
    (tmp_path / "mmx_healthy" / "__init__.py").touch()
    plugins = load(local=[tmp_path])
    assert {item.state for item in plugins.records if item.name == "healthy"} == {"collision"}


def test_local_folder_cannot_pass_off_another_module(site: Path, tmp_path: Path) -> None:
    (site / "mmx_taken").mkdir()
    (site / "mmx_taken" / "__init__.py").touch()
    (tmp_path / "mmx_taken").mkdir()
    (tmp_path / "mmx_taken" / "__init__.py").touch()
    assert "was imported from" in record(load(local=[tmp_path]), "taken").reason
