"""Names, owners and kinds: what may be registered, and what an unknown name is told."""

from __future__ import annotations

from typing import Any

import pytest

from mmx.errors import CollisionError, PluginError, UnknownNameError
from mmx.registry.registry import KINDS, Entry, Registrar, Registry, plural


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    for plugin in ("std", "foo"):
        registrar = Registrar(registry, plugin, f"{plugin} 1.0")
        for kind in KINDS:
            getattr(registrar, kind)(f"{plugin}/one", f"module_{plugin}:One")
    return registry


def test_every_kind_has_its_own_names(registry: Registry) -> None:
    assert [entry.kind for entry in registry.entries()] == [kind for kind in KINDS for _ in range(2)]
    assert registry.lookup("head", "one") == registry.lookup("head", "std/one")
    assert registry.lookup("head", "foo/one").target == "module_foo:One"


@pytest.mark.parametrize(
    ("entry", "error", "said"),
    [
        (
            Entry("head", "foo/one", "a:b", "foo", "foo 2.0"),
            CollisionError,
            r"twice: module_foo:One \(foo 1.0\) and a:b",
        ),
        (Entry("head", "std/x", "a:b", "foo", "foo 1.0"), CollisionError, "begin with 'foo/'"),
        (Entry("head", "Foo/x", "a:b", "Foo", "foo 1.0"), PluginError, "not of the form plugin/component"),
        (Entry("head", "foo/x", "os.system", "foo", "foo 1.0"), PluginError, "not of the form module:attribute"),
    ],
)
def test_what_may_not_be_registered(registry: Registry, entry: Entry, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        registry.add(entry)


def test_an_unknown_name_is_told_the_nearest_and_who_failed(registry: Registry) -> None:
    registry.scanned, registry.failed = ["std", "foo"], ["bar"]
    with pytest.raises(
        UnknownNameError, match=r"no head 'foo/on' in std, foo; did you mean 'foo/one'.*failed to load: bar"
    ):
        registry.lookup("head", "foo/on")


def test_a_name_of_another_kind_is_said_to_be_one() -> None:
    registry = Registry()
    Registrar(registry, "foo", "foo 1.0").encoder("foo/ears", "a:b")
    with pytest.raises(UnknownNameError, match="'foo/ears' is an encoder"):
        registry.lookup("head", "foo/ears")


def test_dropping_a_plugin_leaves_the_others(registry: Registry) -> None:
    registry.drop("foo")
    assert {entry.plugin for entry in registry.entries()} == {"std"}


@pytest.mark.parametrize(
    ("target", "said"),
    [("no_such_module:X", "cannot import no_such_module"), ("mmx.support.text:printabel", "did you mean 'printable'")],
)
def test_a_target_that_is_not_there_names_its_plugin(target: str, said: str) -> None:
    with pytest.raises(PluginError, match=f"head 'foo/x' of plugin 'foo' .*{said}"):
        Entry("head", "foo/x", target, "foo", "foo 1.0").load()


def test_a_target_is_imported_on_use() -> None:
    from mmx.support.text import printable

    assert Entry("head", "foo/x", "mmx.support.text:printable", "foo", "foo 1.0").load() is printable


@pytest.mark.parametrize(("name", "said"), [("foo", "not of the form"), ("bar/x", "must be named 'foo/")])
def test_assets_follow_the_same_rules(registry: Registry, name: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        registry.add_asset("foo", asset(name))
    registry.add_asset("foo", asset("foo/weights"))
    with pytest.raises(CollisionError, match="twice"):
        registry.add_asset("foo", asset("foo/weights"))


def asset(name: str) -> Any:
    """As much of an asset as the registry looks at."""

    class Named:
        pass

    made: Any = Named()
    made.name = name
    return made


def test_the_word_for_several() -> None:
    assert [plural(kind) for kind in ("corpus", "head")] == ["corpora", "heads"]
