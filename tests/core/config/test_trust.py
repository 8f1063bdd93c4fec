"""Trust in a folder's own plugins: a hash of all their files, an answer per folder, and damaged files of answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmx.config import trust
from mmx.plugins import discovery


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "work" / "plugins" / "mmx_own"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").write_text("one = 1\n")
    (package / "sub" / "model.py").write_text("two = 2\n")
    (package / "experiments.yaml").write_text("experiments: {}\n")
    return package


def digest(package: Path) -> str:
    return trust.read(discovery.local(package.parent)).digest


def test_whatever_changes_in_a_file_of_the_plugin_changes_the_hash(package: Path, tmp_path: Path) -> None:
    seen = [digest(package)]
    (package / "__init__.py").write_text("one = 2\n")
    seen.append(digest(package))
    (package / "sub" / "model.py").rename(package / "sub" / "other.py")
    seen.append(digest(package))
    (package / "experiments.yaml").write_text("experiments: {x: {}}\n")
    seen.append(digest(package))
    (package / "large.py").write_text("#" * (trust.MAX_READ + 1) + "\na = 1")
    seen.append(digest(package))
    status = (package / "large.py").stat()
    (package / "large.py").write_text("#" * (trust.MAX_READ + 1) + "\na = 2")
    os.utime(package / "large.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    seen.append(digest(package))
    (tmp_path / "elsewhere").mkdir()
    (package / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "code.py").write_text("three = 3\n")
    seen.append(digest(package))
    (tmp_path / "elsewhere" / "code.py").write_text("three = 4\n")
    seen.append(digest(package))
    (package.parent / "mmx_second").mkdir()
    (package.parent / "mmx_second" / "__init__.py").touch()
    seen.append(digest(package))
    assert len(set(seen)) == len(seen)


def test_compiled_files_and_links_in_a_circle_do_not_count(package: Path) -> None:
    before = digest(package)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").touch()
    (package / "sub" / "up").symlink_to(package)
    assert digest(package) == before


def test_an_answer_holds_for_one_folder_and_one_state(tmp_path: Path) -> None:
    assert trust.remembered(tmp_path, "a") is None
    trust.remember(tmp_path, "a", False)
    trust.remember(tmp_path / "other", "a", True)
    assert (trust.remembered(tmp_path, "a"), trust.remembered(tmp_path, "b")) == (False, None)
    trust.remember(tmp_path, "b", True)
    assert (trust.remembered(tmp_path, "a"), trust.remembered(tmp_path, "b")) == (None, True)
    assert trust.remembered(tmp_path / "other", "a") is True


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, '{"F": 3}', '{"F": {"plugins": "a", "trusted": "yes"}}'])
def test_a_damaged_file_of_answers_answers_nothing(tmp_path: Path, content: str) -> None:
    trust.remember(tmp_path, "a", True)
    (tmp_path / "cache" / trust.FILE).write_text(content.replace("F", str(tmp_path)))
    assert trust.remembered(tmp_path, "a") is None
    trust.remember(tmp_path, "a", True)
    assert trust.remembered(tmp_path, "a") is True
