"""What is usual: how well the corpus's own recordings fit a text, so that scores of different texts can be compared.

Some texts are near to all music and some to none, so the largest cosine is often that of the same few texts. How far a
recording's cosine is above those of other recordings says more of it. Shapes: M recordings, N texts, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmx.assets import cache_folder
from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.types import Audio
from mmx_std import library

Floats = NDArray[np.float64]

COUNT: Final = 120
"""Recordings that say what is usual."""
SPLIT: Final = "val"
"""Neither learned from nor judged on."""


def usual(corpus: Corpus, field: str, model: str, hear: Callable[[Audio], Floats]) -> Floats | None:
    """Return the vectors (M, D) of up to `COUNT` recordings of the corpus, kept for the next time.

    Args:
        corpus: Whose split val is heard.
        field: Field of the recording.
        model: What identifies the model and how it listens.
        hear: Recording -> unit vector (D,).

    Returns:
        None where the corpus has no split val, or nothing in it can be read.
    """

    def make() -> library.Entry:
        samples = corpus.split(SPLIT)
        vectors = []
        for place in np.unique(np.linspace(0, len(samples) - 1, COUNT).round().astype(int)):
            try:
                audio = samples[int(place)].fields.get(field)
            except DataError:
                continue
            if audio is not None:
                vectors.append(hear(audio))
        if not vectors:
            raise DataError(f"no recording in split {SPLIT} can be read")
        return {"vectors": np.stack(vectors)}

    try:
        kept, _ = library.keep(cache_folder() / f"mulan/{model}" / f"usual-{corpus.digest}.npz", make)
    except DataError:
        return None
    return kept["vectors"]


def above(scores_N: Floats, scores_MN: Floats) -> Floats:
    """Return how far scores are above those of usual recordings, in their standard deviations (N,)."""
    above_N: Floats = (scores_N - scores_MN.mean(0)) / (scores_MN.std(0) + 1e-9)
    return above_N
