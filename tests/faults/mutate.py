"""Files that were damaged at random, given to everything that reads files of strangers.

    python tests/faults/mutate.py --tries 10000

Each try takes a whole file (a registry.yaml, an image, a recording, a video, subtitles, a manifest, a shard, the report
or journal of a run), changes it in one to four places, and reads it. It is lost where anything but one of mmx's own
errors is raised, the process dies, it works or waits for more than `SECONDS`, or more than `MEMORY` is held. Work is
counted in time of a core, and waiting is sleep without any work: how busy the machine is makes no difference. Tries run
in processes of their own, with a limit on their memory; the same seed draws the same tries.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "core"), str(ROOT / "plugins")]

import numpy as np  # noqa: E402

from mmx.config.catalog import Catalog  # noqa: E402
from mmx.config.sources import ALL_SECTIONS, USER, RegistryFile, load  # noqa: E402
from mmx.errors import ConfigError, MmxError  # noqa: E402
from mmx.media.audio_image import read_audio, read_image, write_audio, write_image  # noqa: E402
from mmx.media.subtitles import read_subtitles  # noqa: E402
from mmx.media.video import read_video, read_video_audio, write_video  # noqa: E402
from mmx.runs.history import read_run  # noqa: E402
from mmx.studies.comparison import facts, metrics  # noqa: E402
from mmx.types import Audio, Video  # noqa: E402
from mmx_std.corpora.manifest import Manifest  # noqa: E402
from mmx_std.corpora.shards.corpus import Shards  # noqa: E402
from tests.faults.damage import mutated  # noqa: E402

SECONDS = 10.0
LOOK = 0.1
"""Seconds between looks at a process that has not answered."""
MEMORY = 1 << 30
ADDRESSES = 24 << 30
"""What a process may map at all: torch alone maps several gigabytes, and uses few of them."""


@dataclass(frozen=True)
class Kind:
    """One kind of file: the name it is read under, whole files of it, and what reads it."""

    name: str
    read: Callable[[Path], object]
    seeds: list[bytes]
    is_text: bool = False
    beside: Mapping[str, bytes] = field(default_factory=dict)


@cache
def catalog() -> Catalog:
    """Return the catalog without any user's file."""
    return Catalog.open(ROOT / "docs")


def read_registry(path: Path) -> None:
    """List a user's file of experiments, and resolve three of them."""
    whole = catalog()
    wrong: list[str] = []
    user = load(path, USER, path.parent, ALL_SECTIONS, wrong)
    if wrong:
        raise ConfigError(wrong)
    mine = Catalog(whole.plugins, whole.files, RegistryFile(USER, user.label, user.experiments, user.sections))
    list(mine.experiments())
    for name in sorted(user.experiments)[:3]:
        mine.resolve(name, preset="small" if name == "theirs" else "default")


def read_folder(path: Path) -> None:
    """Read a run as `mmx compare` does."""
    records = [read_run(path.parent), read_run(path.parent)]
    list(facts(records)), list(metrics(records))


def read_corpus(make: Callable[..., Manifest | Shards]) -> Callable[[Path], None]:
    """Return what reads all of a corpus."""

    def read(path: Path) -> None:
        corpus = make(path=str(path), max_unreadable=1.0)
        _ = corpus.digest
        for split in sorted({item.split for item in corpus.items}):
            for sample in corpus.split(split):
                for name in sample.fields:
                    try:
                        _ = sample.fields[name]
                    except MmxError:
                        continue

    return read


def read_both(path: Path) -> None:
    """Read frames and audio of a video."""
    try:
        read_video(path, fps=2.0)
    finally:
        read_video_audio(path)


REGISTRY = """
tracking: {enabled: false}
defaults: {seed: 3, log_every: 5}
suites: {mine: [ours, theirs]}
experiments:
  ours:
    summary: Somebody's experiment
    paper: {title: A title, year: 2020}
    corpus: {use: worlds/shapes, clips: 64, val_clips: 8, test_clips: 32}
    encoders: {signal: {use: std/signal, channels: 40, widths: [8, 8]}}
    heads: {shape: {use: std/linear, reads: fused.signal, target: shape}}
    stages:
      - name: learn
        steps: 3
        trains: [encoders, heads]
        objective: {use: std/cross-entropy, head: shape, target: shape}
        optimizer: {use: adam, lr: 1e-3}
        clip: 1.0
    task: {use: std/classification, head: shape, target: shape}
    settings: {log_every: 2}
    presets:
      small: {corpus.clips: 8, stages: {learn: {steps: 1}}}
      other: {corpus: {clips: 9}}
    controls: [small]
  theirs:
    extends: ours
    encoders.signal.widths: [4]
    stages+: [{name: more, steps: 2, trains: [heads], objective: {use: std/cross-entropy, head: shape, target: shape}}]
"""
SUBTITLES = "".join(f"{i}\n00:00:{i:02},000 --> 00:00:{i + 1:02},500\n<i>Line</i> {i}\n\n" for i in range(1, 20))
METRIC = {"name": "accuracy", "value": 0.5, "ci95": [0.4, 0.6], "better": "higher", "chance": 0.1, "untrained": 0.2}
METRIC |= {"baselines": {"linear": 0.3}, "controls": {"shuffled": 0.1}, "references": {}, "paper": None}
REPORT = {"experiment": "ours", "preset": "default", "seed": 3, "items": {"used": 9, "expected": 10}, "seconds": 1.5}
REPORT |= {"peak_rss_mb": 300.0, "params": 1000, "metrics": [METRIC], "verdict": "learned", "notes": ["one"]}
REPORT |= {"environment": {"torch": "2"}, "git_commit": None, "command": "mmx run ours"}
CONFIG = "mmx: '0.2'\nname: ours\npreset: default\nsettings: {seed: 3}\ncorpus: {use: worlds/shapes, clips: 3}\n"
JOURNAL = "".join(
    json.dumps({"event": event, "time": 1.7e9 + number, **values}) + "\n"
    for number, (event, values) in enumerate(
        [("start", {"experiment": "ours", "name": "x", "resumed": False, "command": "mmx run ours", "after": 0.5})]
        + [("metrics", {"step": step, "values": {"train/loss": 0.5}}) for step in range(9)]
        + [("status", {"status": "completed", "error": ""})]
    )
)


def media(folder: Path) -> dict[str, bytes]:
    """Return small whole files of every kind of medium, by suffix."""
    drawn = np.random.default_rng(0)
    sound = Audio(drawn.normal(0, 0.1, (1, 4000)).astype(np.float32), 8000)
    pixels = drawn.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    video = Video(drawn.integers(0, 255, (8, 32, 32, 3), dtype=np.uint8), 4.0)
    written = {
        ".wav": write_audio(folder / "a.wav", sound),
        ".png": write_image(folder / "a.png", pixels),
        ".mp4": write_video(folder / "a.mp4", video, sound),
    }
    found = {suffix: path.read_bytes() for suffix, path in written.items()}
    for path in sorted((ROOT / "plugins" / "mmx_worlds" / "media").rglob("*"), key=lambda each: each.name):
        if (
            path.is_file()
            and path.suffix not in (*found, ".jsonl", ".md", ".txt", ".py", "")
            and path.stat().st_size < 1 << 17
        ):
            found[path.suffix] = path.read_bytes()
    return found


def shard(files: Mapping[str, bytes]) -> bytes:
    """Return a tar shard of four samples."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(4):
            described = {"id": f"i{number}", "labels": {"label": "x"}, "media": {"audio": {"start": 0, "end": 0.2}}}
            for suffix, content in {
                ".wav": files[".wav"],
                ".png": files[".png"],
                ".json": json.dumps(described).encode(),
            }.items():
                info = tarfile.TarInfo(f"{number:04d}{suffix}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def kinds(folder: Path) -> list[Kind]:
    """Return every kind of file, with whole ones of it."""
    files = media(folder)
    rows = [
        {"id": f"i{n}", "audio": "a.wav", "image": "a.png", "label": "x", "start": 0, "end": 0.2, "split": "train"}
        | {"text": "a b"}
        for n in range(6)
    ]
    lines = "\n".join(map(json.dumps, rows)).encode()
    table = ("id,audio,label,start\n" + "\n".join(f"i{n},a.wav,x,0.1" for n in range(6))).encode()
    beside = {"a.wav": files[".wav"], "a.png": files[".png"]}
    found = [
        *(Kind(f"a{suffix}", read_image, [files[suffix]]) for suffix in (".png", ".jpg", ".webp") if suffix in files),
        *(Kind(f"a{suffix}", read_audio, [files[suffix]]) for suffix in (".wav", ".ogg", ".flac") if suffix in files),
        *(Kind(f"a{suffix}", read_both, [files[suffix]]) for suffix in (".mp4", ".webm") if suffix in files),
        Kind("a.srt", read_subtitles, [SUBTITLES.encode(), SUBTITLES.encode("utf-16")], True),
        Kind("a.vtt", read_subtitles, [b"WEBVTT\n\n" + SUBTITLES.replace(",", ".").encode()], True),
        Kind("m.jsonl", read_corpus(Manifest), [lines], True, beside),
        Kind("m.csv", read_corpus(Manifest), [table], True, beside),
        Kind("train-0.tar", read_corpus(Shards), [shard(files)]),
        Kind(
            "report.json", read_folder, [json.dumps(REPORT, indent=2).encode()], True, {"config.yaml": CONFIG.encode()}
        ),
        Kind("journal.jsonl", read_folder, [JOURNAL.encode()], True, {"config.yaml": CONFIG.encode()}),
        Kind("config.yaml", read_folder, [CONFIG.encode()], True),
    ]
    shipped = [path.read_bytes() for path in sorted((ROOT / "plugins").glob("*/experiments.yaml"))]
    registry = Kind("registry.yaml", read_registry, [REGISTRY.encode()] * 3 + shipped, True)
    return [each for other in found for each in (other, registry)]  # every second try is a registry file


def attempt(number: int, seed: int, every: list[Kind], folder: Path) -> str:
    """Read one damaged file; return "read", "refused", or what was lost."""
    drawn = random.Random(f"{seed}-{number}")
    kind = every[number % len(every)]
    place = folder / f"{number}"
    place.mkdir()
    for name, content in kind.beside.items():
        (place / name).write_bytes(content)
    (place / kind.name).write_bytes(mutated(drawn.choice(kind.seeds), drawn, is_text=kind.is_text))
    try:
        kind.read(place / kind.name)
    except MmxError as error:
        return "refused" if str(error) else f"{kind.name}: an error without a word"
    except BaseException as error:
        return f"{kind.name}: {type(error).__name__}: {error}"[:300]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return "read" if held < held_before() + MEMORY else f"{kind.name}: {held >> 20} MB"


@cache
def held_before() -> int:
    """Return the memory that this process held when it was first asked."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def worker(first: int, tries: int, seed: int, every: list[Kind], folder: Path, answers: int) -> None:
    """Do tries one after another and write a line about each, until the end or a death."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what decoders print
    held_before()
    for number in range(first, tries):
        told = attempt(number, seed, every, folder)
        os.write(answers, (json.dumps(told) + "\n").encode())


def outcomes(tries: int, seed: int, folder: Path) -> Iterator[str]:
    """Yield what came of every try."""
    every = kinds(folder)
    for number, kind in enumerate(every[: 2 * len({each.name for each in every})]):
        _whole(folder / f"whole{number}", kind)  # what is imported once is no part of a try
    number = 0
    while number < tries:
        answers, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                worker(number, tries, seed, every, folder, told)
            finally:
                os._exit(0)
        os.close(told)
        with os.fdopen(answers, "rb", buffering=0) as lines:
            kept = b""
            while number < tries:
                ready = answered(child, lines)
                part = lines.read(1 << 16) if ready else b""
                if not part:
                    break
                *whole, kept = (kept + part).split(b"\n")
                for line in whole:
                    number += 1
                    yield json.loads(line)
        if number < tries:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if number < tries:
            why = f"more than {SECONDS:g} s" if not ready else f"the process ended with {status}"
            yield f"{every[number % len(every)].name}: {why}"
            number += 1


def answered(child: int, lines: io.RawIOBase) -> bool:
    """Wait for a line of `child`, and return whether there is one, or its end, before it worked or slept too long."""
    begun = last = spent(child)[0]
    asleep = 0.0
    while not select.select([lines], [], [], LOOK)[0]:
        used, sleeps = spent(child)
        asleep = asleep + LOOK if sleeps and used == last else 0.0
        last = used
        if max(used - begun, asleep) > SECONDS:
            return False
    return True


def spent(child: int) -> tuple[float, bool]:
    """Return the seconds of cores that a process has used, and whether it sleeps (and does not wait for a core)."""
    state, *numbers = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, numbers[10:14])) / os.sysconf("SC_CLK_TCK"), state == "S"


def _whole(place: Path, kind: Kind) -> None:
    """Read what is not damaged, which must work."""
    place.mkdir()
    for name, content in {**kind.beside, kind.name: kind.seeds[0]}.items():
        (place / name).write_bytes(content)
    kind.read(place / kind.name)


def main() -> int:
    """Damage files, print tries and losses, and return 1 where there was a loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as root:
        for number, told in enumerate(outcomes(options.tries, options.seed, Path(root))):
            counts[told if told in ("read", "refused") else "lost"] += 1
            if told not in ("read", "refused"):
                print(f"try {number}: LOST: {told}", flush=True)
    print(f"{options.tries} tries, {counts['read']} read, {counts['refused']} refused, {counts['lost']} losses")
    return 1 if counts["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
