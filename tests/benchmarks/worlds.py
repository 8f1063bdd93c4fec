"""Print how many samples per second the worlds make on one core: `python tests/benchmarks/worlds.py`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mmx.types import Sample
from mmx_worlds.collage.corpus import Collage
from mmx_worlds.shapes import Shapes


def speed(samples: Sequence[Sample], fields: Sequence[str], count: int) -> float:
    """Return samples per CPU second when `fields` of `count` of them are rendered; the first fifth is not timed."""
    warm = count // 5
    for number in range(count + warm):
        if number == warm:
            start = time.process_time()
        sample = samples[number % len(samples)]
        for field in fields:
            sample.fields[field]
    return count / (time.process_time() - start)


def main() -> None:
    """Measure every field alone and all together."""
    for name, corpus, count in (("worlds/collage", Collage(), 500), ("worlds/shapes", Shapes(), 3000)):
        samples = corpus.split("train")
        for fields in ((), *((field,) for field in corpus.fields), tuple(corpus.fields)):
            what = "truth only" if not fields else fields[0] if len(fields) == 1 else "all fields"
            print(f"{name:16} {what:12} {speed(samples, fields, count):8.0f} samples/s")


if __name__ == "__main__":
    main()
