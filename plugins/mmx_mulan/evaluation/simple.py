"""Simple methods beside MuLan: from cheap statistics of the audio to the bag of words of its text.

Shapes: N judged recordings, M training recordings, C tags, D statistics, W words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmx_std import baselines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmx import Corpus, Sample

    Floats = NDArray[np.float64]


def scores(
    corpus: Corpus, judged: Sequence[Sample], prompts: Sequence[str], audio: str, text: str, most: int
) -> Mapping[str, Floats]:
    """Return how well each recording fits each tag's prompt (N, C), by method; nothing without texts to learn from.

    Learnt from the texts of training recordings, as the towers are: the tags of no recording are used. `ridge_...`
    predicts the words from a kind of statistics, or from all; `cca` and `nearest_neighbour` take all.

    Args:
        corpus: Its split train is learnt from.
        judged: Recordings.
        prompts: Words of the tags.
        audio: Field of the recording.
        text: Field of its text.
        most: Training recordings, evenly spread.
    """
    train = [sample for sample in baselines.learnable(corpus, most) if sample.fields.get(text) is not None]
    if len(train) < 2 or not most:
        return {}
    cheap_audio = baselines.of_samples(train, judged, [audio])
    read = baselines.describe([sample.fields[text] for sample in train], prompts)
    if not cheap_audio or not read:
        return {}
    (words_MW, prompts_CW) = read["words"]
    every_audio = {**cheap_audio, "statistics": baselines.joined(cheap_audio)}
    found = {way: words_NW @ prompts_CW.T for way, words_NW in baselines.regress(every_audio, words_MW).items()}
    return {**found, **baselines.match(cheap_audio, read)}
