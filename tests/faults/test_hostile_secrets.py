"""Secrets that a run is given stay out of everything that it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = """
from mmx import hookimpl
from tests.core.parts import Line

MMX_API = 1

class Login(Line):
    def __init__(self, hub_token: str = "", own_token: str = "", address: str = "", count: int = 40):
        super().__init__(count)
        self.hub_token = hub_token

@hookimpl
def mmx_register(registry):
    registry.corpus("login/line", "mmx_login:Login")
    registry.encoder("login/numbers", "tests.core.parts:Numbers")
    registry.head("login/classify", "tests.core.parts:Classify")
    registry.fuser("login/same", "tests.core.parts:Same")
    registry.objective("login/entropy", "tests.core.parts:Entropy")
    registry.optimizer("login/sgd", "tests.core.parts:sgd")
    registry.task("login/accuracy", "tests.core.parts:Accuracy")
"""
NUMBERS = """
experiments:
  numbers:
    summary: Sum of numbers
    corpus: {use: login/line, own_token: from-the-registry-file}
    encoders: {x: {use: login/numbers}}
    fuser: login/same
    heads: {label: {use: login/classify}}
    stages: [{name: fit, steps: 2, batch_size: 8, trains: [heads], objective: login/entropy, optimizer: login/sgd}]
    task: login/accuracy
"""
EXPERIMENT = """
experiments:
  shapes:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 32, test_clips: 16}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages: [{name: fit, steps: 2, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}]
    task: {use: classification, target: object}
"""
GIVEN = {
    "MYSQL_PWD": "mysql-horse-battery",
    "GITHUB_PAT": "pat-correct-staple",
    "OPENAI_KEY": "key-of-the-kingdom",
    "DATABASE_URL": "postgres://me:p@ss-with-at@db.example.org/x",
    "SOME_SECRET": "<quoted & 'odd'>",
}
HIDDEN = (
    "mysql-horse",
    "pat-correct",
    "key-of-the",
    "ss-with-at",
    "quoted &",
    "quoted \\u0026",
    "quoted &amp;",
    "xyzzy",
)
PLANTED = (
    "token=[xyzzy-1, xyzzy-2]",
    "Cookie: sid=xyzzy-3; other=xyzzy-4",
    "Set-Cookie: sid=xyzzy-5; Path=/",
    "headers={'Cookie': 'sid=xyzzy-6', 'X-Api-Key': 'xyzzy-7'}",
    "ran: login --hub-token xyzzy-8 --password 'xyzzy 9 xyzzy'",
    "Authorization: Basic xyzzy10==",
    "Authorization: Bearer xyzzy-11-xyzzy",
    "curl -u me:xyzzy-12 https://you:p@xyzzy-13@example.org/x?sig=xyzzy-14",
    "ghp_xyzzyxyzzyxyzzyxyzzyxyzzy",
    "github_pat_11xyzzyxyzzyxyzzyxyzzy",
    "-----BEGIN RSA PRIVATE KEY-----\nxyzzy\n-----END RSA PRIVATE KEY-----",
    "deploy_token:\n  - xyzzy-15\n  - xyzzy-16",
    "password: |\n  xyzzy-17",
    "db_password: xyzzy 18 xyzzy",
    "credentials: {user: xyzzy-19}",
)
"""Text with secrets that nothing else gives away, as an exception, a note, and a file of a repository bring it."""
RUN = """
import os, sys
from pathlib import Path
import mmx.runs.evaluate as evaluate
from mmx.types import Report
from dataclasses import replace
from mmx.cli import main
words = " and ".join(os.environ[name] for name in sys.argv.pop(1).split(",")) + "\\n" + sys.argv.pop(1)
mode = sys.argv.pop(1)
from mmx.runs import outcome
note = outcome.note
outcome.note = lambda resolved: note(resolved) + words
if mode == "fails":
    def broken(*arguments, **named):
        raise RuntimeError(f"no entry with {words}")
    import mmx.runs.session as session
    session.judge = broken
else:
    import mmx.report.write as write
    facts = write.write_report
    def noted(folder, report, **named):
        return facts(folder, replace(report, notes=[*report.notes, words]), **named)
    evaluate.write_report = noted
sys.exit(main(sys.argv[1:]))
"""


def commit(folder: Path) -> None:
    """Make a repository of a folder: a run tells of the one that it is started in."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True)


@pytest.mark.parametrize("mode", ["works", "fails"])
def test_secrets_of_the_environment_and_the_command_line_are_nowhere(tmp_path: Path, mode: str) -> None:
    (tmp_path / "registry.yaml").write_text(EXPERIMENT)
    (tmp_path / "notes.yaml").write_text("first: 1\n")
    commit(tmp_path)
    (tmp_path / "notes.yaml").write_text("first: 1\n" + "\n".join(PLANTED))
    done = subprocess.run(
        [sys.executable, "-c", RUN, ",".join(GIVEN), "\n".join(PLANTED), mode, "run", "shapes", "-q"],
        cwd=tmp_path, env={**os.environ, **GIVEN, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == (0 if mode == "works" else 1), done.stderr
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {"mlflow.db", "git.diff", *({"report.json", "report.html"} if mode == "works" else {"error.txt"})}
    found = [
        (path.relative_to(tmp_path).as_posix(), word)
        for path in files
        for word in HIDDEN
        if word.encode() in path.read_bytes()
    ]
    assert found == []
    told = [path for path in files if b"[redacted]" in path.read_bytes()]
    assert {path.name for path in told} >= {
        "git.diff",
        *({"report.json", "report.html"} if mode == "works" else {"error.txt"}),
    }


@pytest.mark.parametrize("value", ["hunter-two-three", 'hunter \'two: "three" <four>'])
def test_a_token_of_the_command_line_or_a_file_is_nowhere(tmp_path: Path, value: str) -> None:
    """It is in overrides, the command of the report, the configuration, params, and the run works all the same."""
    (tmp_path / "registry.yaml").write_text(NUMBERS)
    (tmp_path / "mmx_login").mkdir()
    (tmp_path / "mmx_login" / "__init__.py").write_text(PLUGIN)
    commit(tmp_path)
    given = [f"corpus.hub_token={value}", "corpus.address=https://me:p@ss-with-at@example.org/x"]
    done = subprocess.run(
        [sys.executable, "-m", "mmx", "--plugin-dir", "mmx_login", "run", "numbers", "-q", *given],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"report.json", "report.html", "mlflow.db", "config.yaml", "journal.jsonl"}
    for word in ("hunter", "ss-with-at", "from-the-registry-file"):
        assert [str(path) for path in files if word.encode() in path.read_bytes()] == []
    (config,) = [path for path in files if path.name == "config.yaml" and path.parent.parent.name == "numbers"]
    assert "hub_token: '[redacted]'" in config.read_text().replace('"', "'")
    again = {
        "rerun": ["rerun", "latest", "-q"],
        "eval": ["eval", "latest", "-q"],
        "given": ["eval", "latest", "-q", "corpus.hub_token=hunter-four-five", "corpus.own_token=hunter-six"],
    }
    if value != "hunter-two-three":  # what the others leave is the same
        return
    told = {}
    for name, arguments in again.items():
        told[name] = subprocess.run(
            [sys.executable, "-m", "mmx", "--plugin-dir", "mmx_login", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
    assert [each.returncode for each in told.values()] == [2, 2, 0], [each.stderr for each in told.values()]
    for name in ("rerun", "eval"):
        lines = [line for line in told[name].stderr.splitlines() if line.startswith("error: ")]
        assert [line.partition("config.yaml:")[2].partition(": ")[2].partition(";")[0] for line in lines] == [
            f"corpus.{key}_token: was a secret, which no run folder keeps" for key in ("hub", "own")
        ]
