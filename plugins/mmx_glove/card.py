"""Card of GloVe (Pennington et al. 2014)."""

from __future__ import annotations

from mmx import Card, Claim

CARD = Card(
    title="GloVe: Global Vectors for Word Representation",
    summary="Word vectors whose products fit the logarithm of how often words stand near each other.",
    authors="Jeffrey Pennington, Richard Socher, Christopher D. Manning",
    year=2014,
    url="https://aclanthology.org/D14-1162/",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code (Apache-2.0)",
    citation="Pennington, Socher, Manning: GloVe: Global Vectors for Word Representation. EMNLP 2014.",
    deviations=(
        "Sentences of a made grammar, 264 words; the preset scripture reads real text.",
        "Batches with Adam; the preset adagrad has the paper's optimizer, which needs more passes here. Gradients are "
        "not clipped one by one at 100: they never come near.",
    ),
    caveats=("Not better than a simple method: factors of the same counts, without training, solve more analogies.",),
    claims=(
        Claim(
            metric="analogies, b - a + c nearest to d among all words (3CosAdd), vectors w + c",
            paper="not stated here: the published values are known from memory only",
            scale="20,000 made sentences, 264 words of 48 numbers, 30 passes over the pairs",
            command="mmx prove glove settings.threads=1 --write",
            result="default",
            keys=("analogy_accuracy",),
        ),
        Claim(
            metric="the same, the words dealt out anew to the same sentences",
            paper="not reported",
            scale="20,000 made sentences, 264 words of 48 numbers, 30 passes over the pairs",
            command="mmx prove glove settings.threads=1 --preset permuted --write",
            result="permuted",
            keys=("analogy_accuracy",),
        ),
    ),
)
