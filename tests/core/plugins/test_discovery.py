"""Scanning: equal to importlib.metadata where both apply, first on the path wins, nothing is imported."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from mmx.plugins import discovery
from tests.core.distributions import HEALTHY, install


def test_agrees_with_importlib_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "one", HEALTHY)
    install(tmp_path, "two", HEALTHY, distribution="Some.Other-Name", version="2.0.1rc1")
    monkeypatch.syspath_prepend(tmp_path)
    theirs = {
        (point.name, point.value, point.dist.name, point.dist.version)
        for point in metadata.entry_points(group="mmx")
        if point.dist
    }
    ours = {(entry.name, entry.module, entry.distribution, entry.version) for entry in discovery.installed()}
    assert ours == theirs
    assert ("two", "mmx_two", "Some.Other-Name", "2.0.1rc1") in ours


def test_first_on_the_path_wins_even_where_it_has_no_plugin(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    install(first, "foo", HEALTHY, distribution="mmx-foo", version="2.0")
    install(second, "foo", HEALTHY, distribution="MMX.foo", version="1.0")
    assert [entry.version for entry in discovery.installed([str(first), str(second)])] == ["2.0"]
    (first / "mmx_foo-2.0.dist-info" / "entry_points.txt").unlink()
    assert discovery.installed([str(first), str(second)]) == []


def test_survives_odd_paths_and_files(tmp_path: Path) -> None:
    install(tmp_path, "foo", HEALTHY)
    (tmp_path / "~mx_foo-1.0.dist-info").mkdir()
    (tmp_path / "bad-1.dist-info").mkdir()
    (tmp_path / "bad-1.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[mmx]\nno equals sign\n# c = d\n")
    (tmp_path / "file-1.dist-info").write_text("a file, not a folder")
    paths = [str(tmp_path), str(tmp_path), str(tmp_path / "absent"), str(tmp_path / "file-1.dist-info")]
    assert [entry.name for entry in discovery.installed(paths)] == ["foo"]


def test_extras_and_other_groups_are_ignored(tmp_path: Path) -> None:
    install(tmp_path, "foo", HEALTHY)
    text = "[mmx.other]\nx = y\n[mmx]\nfoo = mmx_foo [extra]\n[zzz]\nz = w\n"
    (tmp_path / "mmx_foo-1.0.dist-info" / "entry_points.txt").write_text(text)
    assert [(entry.name, entry.module) for entry in discovery.installed([str(tmp_path)])] == [("foo", "mmx_foo")]


def test_egg_info_of_an_old_development_install(tmp_path: Path) -> None:
    folder = tmp_path / "mmx_foo.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Name: mmx-foo\nVersion: 0.3\n")
    (folder / "entry_points.txt").write_text("[mmx]\nfoo = mmx_foo\n")
    assert [entry.origin for entry in discovery.installed([str(tmp_path)])] == ["mmx-foo 0.3"]


def test_local_folder_is_a_package_or_holds_some(tmp_path: Path) -> None:
    for name in ("mmx_idea", "mmx_other_idea", "unrelated", "mmx_empty"):
        (tmp_path / name).mkdir()
        if name != "mmx_empty":
            (tmp_path / name / "__init__.py").touch()
    assert [entry.name for entry in discovery.local(tmp_path)] == ["idea", "other_idea"]
    (entry,) = discovery.local(tmp_path / "mmx_idea")
    assert (entry.name, entry.module, entry.folder) == ("idea", "mmx_idea", tmp_path)
    assert discovery.local(tmp_path / "nowhere") == []


def test_requirements_stop_at_the_description(tmp_path: Path) -> None:
    install(tmp_path, "foo", HEALTHY, requires=["numpy>=1.26", 'librosa; extra == "audio"'])
    (entry,) = discovery.installed([str(tmp_path)])
    assert discovery.requirements(entry) == ["numpy>=1.26", 'librosa; extra == "audio"']


def test_mentions_reads_source_without_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "says", "def mmx_commands(commands): ...")
    install(tmp_path, "silent", "raise RuntimeError('imported')")
    install(tmp_path, "star", "from mmx_star.hooks import *")
    monkeypatch.syspath_prepend(tmp_path)
    found = {entry.name: discovery.mentions(entry, "mmx_commands") for entry in discovery.installed([str(tmp_path)])}
    assert found == {"says": True, "silent": False, "star": True}
    (tmp_path / "mmx_bare").mkdir()
    assert not discovery.mentions(discovery.EntryPoint("x", "mmx_bare", "x"), "mmx_commands")
    assert discovery.mentions(discovery.EntryPoint("x", "mmx_nowhere", "x"), "mmx_commands")
    assert not {"mmx_says", "mmx_silent", "mmx_star"} & set(sys.modules)


def test_a_package_in_the_current_folder_is_hinted_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert discovery.found_here("idea") == discovery.found_here("../idea") == ""
    (tmp_path / "idea" / "mmx_idea").mkdir(parents=True)
    (tmp_path / "idea" / "mmx_idea" / "__init__.py").touch()
    told = "; mmx_idea is in ./idea: pip install -e ./idea, or mmx --plugin-dir ./idea ..."
    assert discovery.found_here("idea") == told
    monkeypatch.chdir(tmp_path / "idea")
    assert discovery.found_here("idea") == told.replace("./idea", ".")
