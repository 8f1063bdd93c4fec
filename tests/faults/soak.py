"""Runs that are killed at random moments, resumed, and compared with one that was not.

    python tests/faults/soak.py --tries 200
    python tests/faults/soak.py --tries 8 --kills 25 --judging 10 --experiment soundnet stages.distill.steps=25

Each try starts a small run with two stages, or a smoke run of an experiment that saves at every step, ends it by
SIGKILL, SIGTERM or Ctrl-C (once, or twice) at a moment drawn at random, up to `--kills` times, and lets it finish.
Moments are drawn in seconds of a core, which a busy machine does not stretch: one of `--judging` until the run is
judged, the others until its last step is saved; each is followed by an instant of the clock, so that waiting for the
disk is hit too. A run that was resumed has less to do: its moments come sooner, so that many kills find it midway.

A try is lost where the final weights differ from the undisturbed run's in any bit, a step that was saved is no longer
saved, the run cannot go on, or a temporary file is left in the end. Every run is a process of its own, forked from this
one, which has imported everything and computes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "core"), str(ROOT / "plugins")]

import torch  # noqa: E402

from mmx.config.catalog import Catalog  # noqa: E402
from mmx.errors import MmxError  # noqa: E402
from mmx.model.build import build  # noqa: E402
from mmx.plugins.loader import Plugins, load_plugins  # noqa: E402
from mmx.runs.progress import Quiet  # noqa: E402
from mmx.runs.session import execute  # noqa: E402
from mmx.support.signals import Interrupted  # noqa: E402
from mmx.training import checkpoint  # noqa: E402
from tests.core.parts import experiment, registry  # noqa: E402
from tests.core.runs.test_session import Resolved  # noqa: E402

WAYS = ("SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGINT twice")
"""How a run is ended; most die without a word."""
INSTANT = 0.02
"""Seconds of the clock behind the moment that was drawn."""


def small() -> tuple[Any, Plugins]:
    """Return a run of two stages that draws at random (dropout) and saves at every step."""
    one = {"name": "one", "steps": 15, "batch_size": 8, "trains": ["encoders", "heads"], "objective": "t/entropy"}
    one["optimizer"] = {"use": "t/sgd"}
    stages = [one, one | {"name": "two", "trains": ["heads"]}]
    wide = {"x": {"use": "t/numbers", "out_dim": 2000}}
    heads = {"label": {"use": "t/classify", "dropout": 0.5}}
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    return Resolved(experiment(stages=stages, encoders=wide, heads=heads, settings={"checkpoint_every": 1})), plugins


def smoke(name: str) -> tuple[Any, Plugins]:
    """Return the smoke run of an experiment of ours, saving at every step; its modules are imported by now."""
    catalog = Catalog.open(ROOT / "docs")
    resolved = catalog.resolve(name, preset="smoke", overrides=["settings.checkpoint_every=1", *OPTIONS.overrides])
    build(resolved.experiment, catalog.plugins.registry)
    return resolved, catalog.plugins


def asked() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end no further run after so many")
    parser.add_argument("--judging", type=int, default=3, help="one of so many kills may come while the run is judged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=3, help="end a run so many times at most")
    parser.add_argument("--experiment", help="disturb the smoke run of this experiment")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the experiment")
    return parser.parse_args()


OPTIONS = asked()
UNTIL = time.monotonic() + 60 * OPTIONS.minutes
RESOLVED, PLUGINS = smoke(OPTIONS.experiment) if OPTIONS.experiment else small()
"""Made before any process is forked: what is killed is the run and not its preparation."""
STEPS = [stage.steps for stage in RESOLVED.experiment.stages]


def run(folder: Path, resume: bool) -> int:
    """Run the small experiment in this process and return its exit code."""
    torch.set_num_threads(1)
    try:
        execute(RESOLVED, PLUGINS, folder, Quiet(), resume=resume, tracking=False)
    except Interrupted as stop:
        return stop.exit_code
    except KeyboardInterrupt:
        raise
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def started(folder: Path, resume: bool) -> int:
    """Start a run in a new process and return its number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = run(folder, resume)
        except KeyboardInterrupt:  # before the run handles signals, as at the command line
            code = 130
        finally:
            os._exit(code)
    return child


def finished(child: int) -> int:
    """Wait for a process and return its exit code, below 0 for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def spent(child: int) -> float | None:
    """Return the seconds of a core that a process of ours has used, None where it has ended."""
    if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
        return None
    return int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e9


def ended(child: int, way: str, moment: float) -> int:
    """End a process in some way when it has worked for `moment` seconds, and return its exit code."""
    while (used := spent(child)) is not None and used < moment:
        time.sleep(0.005)
    time.sleep(random.uniform(0, INSTANT))
    name, _, twice = way.partition(" ")
    os.kill(child, signal.Signals[name])
    if twice:
        time.sleep(random.uniform(0, 0.01))
        os.kill(child, signal.Signals[name])
    return finished(child)


def saved_steps(folder: Path) -> int:
    """Return how many steps a folder's checkpoint has done, 0 without one."""
    if not checkpoint.complete(folder / "checkpoint"):
        return 0
    state = checkpoint.load_state(folder / "checkpoint")
    return sum(STEPS[: int(state["stage"])]) + int(state["step"])


@dataclass
class Undisturbed:
    """A run that nobody disturbed.

    Attributes:
        weights: Its last checkpoint, as bytes.
        trained: Seconds of a core until that was saved.
        judged: Seconds of a core until the end.
    """

    weights: bytes
    trained: float
    judged: float


def undisturbed(folder: Path) -> Undisturbed:
    """Let a run finish, and import here what it imported, so that those that are forked from now on do not."""
    folder.mkdir()
    file, modules = folder / "checkpoint" / checkpoint.WEIGHTS, folder / "modules.json"
    before = set(sys.modules)
    child, trained, judged, seen = os.fork(), 0.0, 0.0, 0
    if child == 0:
        code = run(folder, False)
        modules.write_text(json.dumps(sorted({*sys.modules} - before)))
        os._exit(code)
    while (used := spent(child)) is not None:
        judged = used
        if file.exists() and (changed := file.stat().st_mtime_ns) != seen:
            trained, seen = used, changed
        time.sleep(0.01)
    if finished(child):
        sys.exit("the run does not finish even when nobody disturbs it")
    for name in json.loads(modules.read_text()):
        with suppress(ImportError):  # no file has it: another module made it
            importlib.import_module(name)
    return Undisturbed(file.read_bytes(), trained, judged)


def attempt(folder: Path, whole: Undisturbed, drawn: random.Random) -> tuple[list[str], str]:
    """Disturb one run; return how, and what was lost ("" for nothing)."""
    history: list[str] = []
    before = 0
    for _ in range(drawn.randint(1, OPTIONS.kills)):
        if time.monotonic() > UNTIL:
            break
        folder.mkdir(exist_ok=True)
        limit = whole.judged if drawn.randrange(OPTIONS.judging) == 0 else whole.trained / (3 if before else 1)
        code = ended(started(folder, before > 0), drawn.choice(WAYS), drawn.uniform(0, limit))
        now = saved_steps(folder)
        history.append(f"{code}@{now}")
        if code == 1:
            return history, "the run could not go on"
        if now < before:
            return history, f"{before} steps had been saved, {now} are"
        before = now
    folder.mkdir(exist_ok=True)
    if finished(started(folder, before > 0)):
        return history, "the run could not be finished"
    if (folder / "checkpoint" / checkpoint.WEIGHTS).read_bytes() != whole.weights:
        return history, "the weights differ"
    left = [str(path.relative_to(folder)) for path in folder.rglob(".*.tmp*")]
    return history, f"left behind: {', '.join(left)}" if left else ""


def main() -> int:
    """Disturb runs, print tries and losses, and return 1 where there was a loss."""
    drawn = random.Random(OPTIONS.seed)
    losses = kills = midway = tries = 0
    with tempfile.TemporaryDirectory() as root:
        whole = undisturbed(Path(root) / "whole")
        if not OPTIONS.experiment:  # of a small run, imports are the most
            whole = undisturbed(Path(root) / "again")
        print(f"undisturbed: trained by {whole.trained:.2f} s of a core, judged by {whole.judged:.2f}", flush=True)
        for number in range(OPTIONS.tries):
            if time.monotonic() > UNTIL:
                break
            tries += 1
            folder = Path(root) / f"try{number}"
            try:
                history, lost = attempt(folder, whole, drawn)
            except MmxError as error:
                history, lost = [], str(error)
            kills += len(history)
            midway += sum(0 < int(each.partition("@")[2]) < sum(STEPS) for each in history)
            losses += bool(lost)
            if lost or OPTIONS.experiment or number % 20 == 19:
                print(f"try {number}: {' '.join(history)}: {f'LOST: {lost}' if lost else 'whole'}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{tries} tries, {kills} times ended ({midway} of them with part of the steps saved), {losses} losses")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
