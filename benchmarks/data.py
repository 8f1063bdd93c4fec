"""How fast shards and long manifests are read, beside webdataset, `tarfile` and themselves, in one run.

    python benchmarks/data.py                       both tables
    python benchmarks/data.py --rows 20000 --items 500

Shards: `items` images and as many sounds of one second are written into tar files; each reader decodes all of them, one
after the other in one process: raw `tarfile` with Pillow and soundfile, webdataset (where it is installed) with the
same decoders, and `std/shards`. CPU seconds (one thread), the best of `repeats`, in turn, so that other processes do
not count; ratios to the others' speed.

Manifests: `rows` rows over 200 audio files, opened in a fresh process with an empty cache, then again; CPU seconds also
as a ratio to those of parsing the file with `json` alone.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

GOAL = 0.9
"""Speed of `std/shards` over that of the faster of the others."""
_SOUND_RATE = 16000
_OPEN = """
import re, resource, sys, time
from pathlib import Path
from mmx_std.corpora.manifest import Manifest
begun = time.perf_counter()
corpus = Manifest(path=sys.argv[1])
corpus.digest, len(corpus.split("train"))
used = resource.getrusage(resource.RUSAGE_SELF)
status = Path("/proc/self/status")  # `ru_maxrss` may be that of the process that started this one
peak = re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1] if status.exists() else used.ru_maxrss
print(time.perf_counter() - begun, used.ru_utime + used.ru_stime, int(peak) / 1024)
"""


_PARSE = """
import json, sys, time
begun = time.process_time()
with open(sys.argv[1]) as file:
    rows = [json.loads(line) for line in file]
print(time.process_time() - begun)
"""


def write_shards(folder: Path, items: int, per_shard: int = 500) -> None:
    """Write images (JPEG, 128 pixels) and sounds (FLAC, one second) with a text and a class."""
    rng = np.random.default_rng(0)
    for number in range(0, items, per_shard):
        with tarfile.open(folder / f"train-{number // per_shard:06d}.tar", "w") as shard:
            for place in range(number, min(items, number + per_shard)):
                image, sound = io.BytesIO(), io.BytesIO()
                pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
                Image.fromarray(pixels).save(image, "JPEG")
                soundfile.write(sound, rng.normal(0, 0.1, _SOUND_RATE), _SOUND_RATE, format="FLAC")
                for suffix, content in (
                    ("jpg", image.getvalue()),
                    ("flac", sound.getvalue()),
                    ("txt", b"some words"),
                    ("cls", b"3"),
                ):
                    info = tarfile.TarInfo(f"{place:06d}.{suffix}")
                    info.size = len(content)
                    shard.addfile(info, io.BytesIO(content))


def decoded(suffix: str, content: bytes) -> object:
    """Decode a member as all readers here do."""
    if suffix == "jpg":
        return np.array(Image.open(io.BytesIO(content)).convert("RGB"))
    if suffix == "flac":
        return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].T
    return content.decode()


def with_tarfile(folder: Path) -> int:
    """Read everything with `tarfile`; return how many members there were."""
    count = 0
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as shard:
            for info in shard:
                member = shard.extractfile(info)
                if member is not None:
                    decoded(info.name.rpartition(".")[2], member.read())
                    count += 1
    return count


def with_webdataset(folder: Path) -> int:
    """Read everything with webdataset."""
    import webdataset

    urls = [str(path) for path in sorted(folder.glob("*.tar"))]
    samples = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
    count = 0
    for sample in samples:
        for key, content in sample.items():
            if not key.startswith("__"):
                decoded(key, content)
                count += 1
    return count


def with_mmx(folder: Path) -> int:
    """Read everything with `std/shards`, opened anew."""
    from mmx_std.corpora.shards.corpus import Shards

    count = 0
    for sample in Shards(path=str(folder)).split("train"):
        count += len([sample.fields[name] for name in sample.fields]) + len(sample.targets)
    return count


def shards(items: int, repeats: int) -> float:
    """Print the table of shards; return the speed of mmx over that of the fastest other."""
    readers: dict[str, Callable[[Path], int]] = {"tarfile": with_tarfile, "std/shards": with_mmx}
    try:
        import webdataset

        readers[f"webdataset {webdataset.__version__}"] = with_webdataset
    except ImportError:
        print("webdataset is not installed: left out")
    with tempfile.TemporaryDirectory() as name:
        write_shards(Path(name), items)
        with_mmx(Path(name))  # the index is written once
        best = dict.fromkeys(readers, float("inf"))
        for _ in range(repeats):
            for reader, read in readers.items():
                begun = time.process_time()
                if read(Path(name)) != 4 * items:
                    sys.exit(f"{reader} read another number of members than {4 * items}")
                best[reader] = min(best[reader], time.process_time() - begun)
    ours = best["std/shards"]
    for reader, seconds in best.items():
        speed = f"{items / seconds:8.0f} samples per CPU second"
        print(f"{reader:<20} {speed}   std/shards has {seconds / ours:.2f}x of its speed")
    return min(seconds for reader, seconds in best.items() if reader != "std/shards") / ours


def manifests(rows: int, files: int = 200) -> None:
    """Print how long a manifest of `rows` rows takes to open, first and again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        each = -(-rows // files)
        for number in range(files):
            soundfile.write(folder / f"{number:03d}.wav", np.full(each * 800, 0.1), 8000, subtype="PCM_U8")
        with (folder / "rows.jsonl").open("w") as file:
            for row in range(rows):
                start = (row // files) / 10
                told = {"audio": f"{row % files:03d}.wav", "start": start, "end": start + 0.1, "label": f"c{row % 50}"}
                file.write(json.dumps({**told, "text": f"row {row}"}) + "\n")
        environ = {**os.environ, "MMX_CACHE": str(folder / "cache")}

        def child(code: str) -> list[float]:
            command = [sys.executable, "-c", code, str(folder / "rows.jsonl")]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603
            return [float(value) for value in done.stdout.split()]

        (parsing,) = child(_PARSE)
        for which in ("first", "second", "third"):
            wall, cpu, peak = child(_OPEN)
            used = f"{cpu:.2f} CPU seconds with imports ({cpu / parsing:.1f}x json)"
            print(f"{rows:,} rows, {which} start: {wall:.2f} s, {used}, peak {peak:.0f} MB")


def main() -> int:
    """Print both tables; return 1 where shards are slower than the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    ratio = shards(given.items, given.repeats)
    manifests(given.rows)
    return int(ratio < GOAL)


if __name__ == "__main__":
    sys.exit(main())
