"""Card of visual-semantic embeddings (Kiros et al. 2014)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "300 of 600 drawn shapes at 32 pixels, 0.11 M parameters, 500 steps of 128",
    "command": "mmx prove vse settings.threads=1 --write",
    "result": "default",
}

CARD = Card(
    title="Unifying Visual-Semantic Embeddings with Multimodal Neural Language Models",
    summary="Images and sentences share one space, in which image - blue + red finds the red one.",
    authors="Ryan Kiros, Ruslan Salakhutdinov, Richard S. Zemel",
    year=2014,
    url="https://arxiv.org/abs/1411.2539",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code (Apache-2.0)",
    citation="Kiros, Salakhutdinov, Zemel: Unifying Visual-Semantic Embeddings with Multimodal Neural Language Models. "
    "arXiv 1411.2539, 2014.",
    deviations=(
        "Six thousand drawn shapes instead of Flickr and COCO; the image tower is trained with the sentences, the "
        "paper's is a frozen VGG-19.",
        "The default sentence encoder is the sum of word vectors, in which the paper calculates; the preset gru reads "
        "words in order, as its ranking results do (the public code has a GRU, the paper an LSTM).",
        "Equal captions in a batch are no negatives of each other.",
        "The decoder (a structure-content neural language model) is left out: tagging and arithmetic do not need it.",
    ),
    caveats=(
        "Trained on shapes, it knows some thirty words; it says nothing about photos.",
        "Ten answers are no test here: canonical correlation of pixels and words finds as much among them; the lead is "
        "at the first.",
        "Arithmetic is judged without the items of the query's own class, as analogies of words are.",
    ),
    claims=(
        Claim(
            metric="retrieval, both directions, recall at 1 and at 10",
            paper="Flickr8k 0.518 and 0.598, Flickr30k 0.593 and 0.705, COCO 0.799 and 0.858, both directions of 1,000 "
            "images (public code, GRU; at 10)",
            keys=("recall_at_1", "recall_at_10"),
            **_RUN,
        ),
        Claim(
            metric="arithmetic: image - one colour + another, first answer right",
            paper="shown by examples",
            keys=("arithmetic_at_1",),
            **_RUN,
        ),
        Claim(
            metric="the same with words read in order by a GRU",
            paper="the figures above are of a GRU",
            keys=("recall_at_1", "recall_at_10", "arithmetic_at_1"),
            **{**_RUN, "result": "gru"},
        ),
        Claim(
            metric="the same, trained on sentences of other images",
            paper="not reported",
            keys=("recall_at_1", "arithmetic_at_1"),
            **{**_RUN, "result": "shuffled"},
        ),
    ),
)
