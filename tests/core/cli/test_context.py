"""The global options reach the catalog; a broken file of experiments does not hide the plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

import mmx.config.catalog
from mmx.cli import group
from mmx.cli.context import State, open_catalog, open_plugins, state_of
from mmx.errors import ConfigError, PluginError


def context(**options: Any) -> click.Context:
    root = click.Context(group, obj=State(**options))
    return click.Context(group, parent=root)


def test_options_reach_the_catalog_which_is_opened_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[Any] = []

    def open_(folder: Path, *, plugin_dirs: Any, strict: bool, trust: Any) -> object:
        calls.append((folder, plugin_dirs, strict))
        return object()

    monkeypatch.setattr(mmx.config.catalog.Catalog, "open", open_)
    ctx = context(strict=True, plugin_dirs=[Path("x")])
    assert open_catalog(ctx) is open_catalog(ctx)
    assert calls == [(tmp_path, [Path("x")], True)]
    assert state_of(ctx).strict


def test_plugins_are_there_without_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path, **options: Any) -> object:
        raise ConfigError(["registry.yaml:1:1: nonsense"])

    monkeypatch.setattr(mmx.config.catalog.Catalog, "open", broken)
    assert any(record.name == "std" for record in open_plugins(context()).records)


def test_strictness_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(folder: Path, **options: Any) -> object:
        raise PluginError("plugin 'foo' is broken")

    monkeypatch.setattr(mmx.config.catalog.Catalog, "open", strict)
    with pytest.raises(PluginError, match="foo"):
        open_plugins(context(strict=True))
