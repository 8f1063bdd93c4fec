"""Loading, switching off, collisions, hooks, local folders: what becomes of plugins."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmx.errors import PluginError
from mmx.plugins import loader
from mmx.plugins.loader import Plugins, load_plugins
from mmx.support.signals import Interrupt, Interrupted
from tests.core.distributions import install
from tests.core.sites import assert_others_work, hooks, load, record, site

__all__ = ["site"]

Installer = Callable[..., Path]


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


def test_entry_point_without_module(site: Path) -> None:
    (install(site, "foo", "") / "__init__.py").unlink()
    (site / "mmx_foo").rmdir()
    assert "names the module 'mmx_foo', which does not exist" in record(load(), "foo").reason


def test_ctrl_c_is_the_users_and_a_keyboard_interrupt_without_it_the_plugins(site: Path) -> None:
    install(site, "foo", "raise KeyboardInterrupt")
    assert record(load(), "foo").reason == "import failed: KeyboardInterrupt"
    install(site, "pressed", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        load()
    assert signal.getsignal(signal.SIGINT) is before


def test_slow_import_is_measured(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "time", SimpleNamespace(now=5.0, perf_counter=lambda: loader.time.now))
    install(site, "foo", "from mmx.plugins import loader; loader.time.now += 7.5")
    plugins = load()
    assert record(plugins, "foo").seconds == 7.5
    assert record(plugins, "healthy").seconds == 0.0, "the time is nobody else's"
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


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_passes_through_a_hook(site: Path, stop: signal.Signals) -> None:
    install(site, "foo", hooks("@hookimpl\ndef mmx_run_begin(run):\n    import os; os.kill(os.getpid(), run)\n"))
    plugins = load()
    with Interrupt().handled(), pytest.raises(Interrupted):
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
    files = [file for file in plugins.experiment_files() if file[0] in ("foo", "bar")]
    assert files == [("foo", package / "a.yaml"), ("foo", package / "b.yaml")]
    assert record(plugins, "bar").reason == "no file /nowhere/x.yaml"


def test_commands_are_collected(site: Path) -> None:
    install(
        site, "foo", hooks("@hookimpl\ndef mmx_commands(commands):\n    commands.add('foo-x', 'mmx_foo.cli:x', 'X.')")
    )
    plugins = load()
    assert plugins.commands["foo-x"].plugin == "foo"
    assert plugins.commands["foo-x"].distribution == "mmx-foo 1.0"


def test_registering_in_a_generator_is_registering(site: Path) -> None:
    install(site, "foo", hooks("@hookimpl\ndef mmx_register(registry):\n    yield registry.head('foo/x', 'a:b')\n"))
    assert load().registry.lookup("head", "foo/x").target == "a:b"


def test_an_import_changes_neither_folder_nor_streams(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    install(site, "foo", "import os, sys; os.chdir('/'); sys.stdout.close(); sys.stderr.close()")
    assert record(load(), "foo").state == "ok"
    assert Path.cwd() == tmp_path
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_files_of_experiments_that_are_none(site: Path) -> None:
    install(site, "foo", hooks("@hookimpl\ndef mmx_experiments():\n    return [3]\n"))
    install(site, "bar", hooks("@hookimpl\ndef mmx_experiments():\n    return 3\n"))
    plugins = load()
    assert [plugin for plugin, _ in plugins.experiment_files() if plugin in ("foo", "bar")] == []
    assert record(plugins, "foo").reason.startswith("mmx_experiments returned list; it must return paths of files: ")
    assert record(plugins, "bar").reason.startswith("mmx_experiments returned int; it must return paths of files: ")
    assert_others_work(plugins)


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
