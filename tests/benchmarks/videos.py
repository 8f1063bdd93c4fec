"""How much of the decoder's own speed is left when videos are read for training: clips per second, in turn, as a ratio.

    python tests/benchmarks/videos.py [--clips 48] [--workers 1] [--repeats 3]

The decoder alone: PyAV opens each video, decodes it to the clip's end, scales the frames that are wanted and hands
them over, and decodes the audio; one process. mmx: the same videos as `std/manifest`, prepared by VATT's encoders
(patches of video and of audio), collated to batches in `--workers` processes and brought to this one.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import torch

from mmx.data.collate import collate
from mmx.data.reader import Reader, load
from mmx.data.sampler import Order
from mmx.media.audio_image import write_video
from mmx.types import Audio, Video
from mmx_std.corpora.manifest import Manifest
from mmx_vatt.model.tokenisers import AudioTokens, VideoTokens

SECONDS, FPS, SIDE, RATE = 3.2, 10, 224, 48_000


def videos(folder: Path, count: int) -> list[Path]:
    """Write videos of 360 x 640 pixels at 25 frames per second, with audio: moving gradients and noise."""
    rng = np.random.default_rng(0)
    height, width, frames = 360, 640, round(SECONDS * 25)
    found = []
    for number in range(count):
        x = np.arange(width)[None, None] + 4 * np.arange(frames)[:, None, None] + 40 * number
        y = np.arange(height)[None, :, None]
        pixels = np.stack([(x + y) % 256, (2 * x - y) % 256, (x // 2 + 2 * y) % 256], -1).astype(np.uint8)
        pixels[:, ::8, ::8] = rng.integers(0, 256, pixels[:, ::8, ::8].shape, dtype=np.uint8)
        sound = Audio(rng.uniform(-0.3, 0.3, (1, round(SECONDS * RATE))).astype(np.float32), RATE)
        found.append(write_video(folder / f"{number}.mp4", Video(pixels, 25.0), sound))
    return found


def used() -> float:
    """Return CPU seconds of this process and of those that have ended."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def decoder(paths: Sequence[Path]) -> tuple[float, float]:
    """Return seconds that PyAV itself takes for all clips, by the clock and of CPU."""
    begun, before = time.perf_counter(), used()
    for path in paths:
        with av.open(str(path)) as container:
            moment, frames = 0, []
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= moment / FPS - 1e-6 and moment < SECONDS * FPS:
                    frames.append(frame.reformat(width=398, height=SIDE, format="rgb24").to_ndarray())
                    moment += 1
            np.stack(frames)
        with av.open(str(path)) as container:
            np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    return time.perf_counter() - begun, used() - before


def ours(path: Path, count: int, workers: int) -> tuple[float, float]:
    """Return seconds that mmx takes for all clips, in batches of eight; by the clock without the processes' start."""
    corpus = Manifest(path=str(path), audio=True, fps=FPS, shortest=SIDE)
    encoders = {"video": VideoTokens(8), "audio": AudioTokens(8)}
    samples = corpus.split("train")
    reader = Reader(samples, lambda chosen, indices: collate(chosen, encoders, {"video": "video", "audio": "audio"}))
    steps = range(1 + count // 8)
    before = used()
    batches: Iterator[object] = iter(load(reader, Order(len(samples), 8, 0), steps, workers))
    next(batches)
    begun = time.perf_counter()
    for _ in batches:
        pass
    seconds = time.perf_counter() - begun
    del batches  # ends the processes, so that their CPU time is known
    return seconds, (used() - before) * count / (count + 8)


def main() -> None:
    """Print clips per second of both, and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = videos(folder, arguments.clips)
        manifest = folder / "videos.csv"
        manifest.write_text("video,split\n" + "".join(f"{path.name},train\n" for path in paths))
        alone, whole = [], []
        for _ in range(arguments.repeats):
            alone.append(decoder(paths))
            whole.append(ours(manifest, arguments.clips, arguments.workers))
    (own, own_cpu), (read, read_cpu) = (
        [arguments.clips / statistics.median(column) for column in zip(*seconds, strict=True)]
        for seconds in (alone, whole)
    )
    print(
        f"{arguments.clips} clips of {SECONDS} s, 360 x 640 pixels, 25 fps, median of {arguments.repeats}; goal 0.80x"
    )
    print(f"decoder alone, one process {own:7.2f} clips/s         {own_cpu:7.2f} clips per CPU second")
    print(
        f"mmx, workers: {arguments.workers:<12d} {read:7.2f} clips/s  {read / own:5.2f}x"
        f" {read_cpu:7.2f} clips per CPU second  {read_cpu / own_cpu:5.2f}x"
    )


if __name__ == "__main__":
    main()
