"""What MuLan calls real recordings: `python tests/benchmarks/real_recordings.py RUN_FOLDER`.

Every sound and piece of music of the media set is asked for ten instruments by their names. A model that knows them
orders the names differently for different recordings; the mean rank correlation between recordings says how far it does
not, and the counts of first names what it answers whatever it is given.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from mmx.config.catalog import Catalog
from mmx.runs import prediction
from mmx_mulan.evaluation.embedding import encode_one, encode_texts
from mmx_worlds.real import index

NAMES = ("harp", "fiddle", "flute", "clarinet", "organ", "bells", "trumpet", "harpsichord", "accordion", "whistle")
SECONDS, WINDOWS = 10.0, 2


def main() -> None:
    """Print the mean rank correlation and the first names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="Folder of a finished run of mulan.")
    built = prediction.open_run(Catalog.open(Path.cwd()), parser.parse_args().run)
    model, task = built.model.eval(), built.task
    prompts_CD = encode_texts(model, NAMES, task.text)
    files = [media.file for kind in ("sound", "music") for media in index.of_kind(kind)]
    encoded = (encode_one(model, index.audio(file), task.audio, seconds=SECONDS, count=WINDOWS) for file in files)
    scores_NC = np.array([prompts_CD @ vector_D for vector_D in encoded])
    alike = float(np.mean([spearmanr(one, other)[0] for one, other in combinations(scores_NC, 2)]))
    print(f"{len(files)} recordings: mean rank correlation of {len(NAMES)} names {alike:.2f}")
    print(", ".join(f"{NAMES[name]} {count}" for name, count in Counter(scores_NC.argmax(1).tolist()).most_common()))


if __name__ == "__main__":
    main()
