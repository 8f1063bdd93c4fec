"""Card of ViLBERT (Lu et al. 2019)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "4,000 drawn images of one or two things with oracle boxes, 0.3 M parameters, 1,500 steps of 64",
    "command": "mmx prove vilbert settings.threads=1 --write",
    "result": "default",
}

CARD = Card(
    title="ViLBERT: Pretraining Task-Agnostic Visiolinguistic Representations for Vision-and-Language Tasks",
    summary="A text and the regions of an image run in two streams that attend to each other, and tell whether they "
    "belong together.",
    authors="Jiasen Lu, Dhruv Batra, Devi Parikh, Stefan Lee",
    year=2019,
    url="https://arxiv.org/abs/1908.02265",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code",
    citation="Lu, Batra, Parikh, Lee: ViLBERT: Pretraining Task-Agnostic Visiolinguistic Representations for "
    "Vision-and-Language Tasks. NeurIPS 2019.",
    deviations=(
        "Only the alignment loss: masked words and masked regions, and the heads for VQA, VCR and referring "
        "expressions, are not here yet.",
        "Drawn shapes instead of Conceptual Captions; a region is the pixels of its true box, where the paper has the "
        "features and boxes of a Faster R-CNN.",
        "Two connections of width 64 after one layer of text; the paper's six, of 768 and 1,024, are the preset paper.",
        "The text has one layer of its own before the first connection, in the paper six.",
        "AdamW with a cosine schedule, nothing is pretrained; the paper starts from BERT.",
    ),
    caveats=(
        "Not better than a simple method: canonical correlation of the regions' boxes and colours with the caption's "
        "words tells these pairs apart, because those that do not belong are of random other images.",
        "Streams that meet in the last product only (preset no-co-attention) learn these pairs too: neither shows that "
        "a colour is bound to its shape, which co-attention is for.",
        "Trained on shapes, it knows some thirty words; it says nothing about photos.",
        "A probability of the alignment head is that of a pair among pairs of which half are aligned.",
    ),
    claims=(
        Claim(
            metric="alignment: share of pairs of regions and caption that are told right (chance 0.5)",
            paper="not reported",
            keys=("alignment", "alignment/baselines/cca"),
            **_RUN,
        ),
        Claim(
            metric="caption-based retrieval by the alignment head, both directions, of 40",
            paper="not reported on shapes (Flickr30k image retrieval R@1 0.582, zero-shot 0.319: from memory)",
            keys=("recall_at_1", "recall_at_5", "recall_at_1/baselines/cca"),
            **_RUN,
        ),
        Claim(
            metric="the same without co-attention: the streams meet in the last product only",
            paper="single-stream and smaller baselines are reported on other tasks",
            keys=("alignment", "recall_at_1"),
            **{**_RUN, "result": "no-co-attention"},
        ),
        Claim(
            metric="the same, told at random which pairs are aligned",
            paper="not reported",
            keys=("alignment",),
            **{**_RUN, "result": "shuffled"},
        ),
    ),
)
