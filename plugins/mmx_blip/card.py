"""Card of BLIP (Li et al. 2022)."""

from __future__ import annotations

from typing import Final

from mmx import Card, Claim

_RUN: Final = {
    "scale": "3,000 drawn images, 30 % of their captions wrong, and 400 without noise; 0.2 M parameters, 1,000 updates "
    "of 32 of the judged model",
    "command": "mmx prove blip settings.threads=1 --write",
    "result": "default",
}


_TUNED = {"paper": "not reported on drawn shapes", "scale": "drawn shapes; pre-trained, then tuned for the task"}
_PRESET = "mmx prove blip settings.threads=1 --write --preset"

CARD = Card(
    title="BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language Understanding and Generation",
    summary="One transformer aligns, matches and describes images, and its captions, filtered, bootstrap its own data.",
    authors="Junnan Li, Dongxu Li, Caiming Xiong, Steven Hoi",
    year=2022,
    url="https://arxiv.org/abs/2201.12086",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code (BSD-3-Clause); the public "
    "weights that presets can load are BSD-3-Clause",
    citation="Li et al.: BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language Understanding and "
    "Generation. ICML 2022.",
    deviations=(
        "Drawn shapes instead of 14 or 129 million pairs of the web; of these captions 30 % are those of other images, "
        "where the web is wrong in more ways. People's captions are 400 drawn ones without noise.",
        "The image network is a small convolutional one of 6 x 6 places, the transformer has two layers of width 64; "
        "the paper has ViT-B or L and BERT (preset paper).",
        "Queues begin empty and not with random vectors; alpha grows over 200 steps and not over two epochs; negatives "
        "are drawn at a fixed temperature of 0.07 and not at the learned one.",
        "No prompt before captions, no augmentation of images, one rate for all parts, a cosine schedule.",
        "Fine-tuned question answering keeps the weights of encoder and decoder shared, which the paper parts.",
        "A dialogue's candidates are scored by the matching head and learned by a softmax over all ten, not each as "
        "true or false; its image has no caption beside it, which would tell most answers; the first two "
        "rounds are history alone.",
        "Retrieval is judged by the contrastive features and, over fewer candidates, by the matching head; the paper "
        "ranks the first 256 of the one by the sum of both.",
        "Each process of several has queues of its own and looks for negatives in its own batch.",
    ),
    caveats=(
        "It knows four shapes and six colours: a photo gets a caption of such words.",
        "What a captioner writes and a filter keeps repeats what both have learned, mistakes included: bootstrapped "
        "data are no independent evidence.",
        "The matching head says whether a text fits better than others of its kind, not whether it is true.",
        "Public weights reproduce what their web-scale data show, mistakes about people included; not for any use that "
        "judges or watches people.",
    ),
    claims=(
        Claim(
            metric="things named in captions, and captions that are right in every word, after CapFilt",
            paper="not stated here: known from memory only",
            keys=("object_recall", "exact", "object_recall/baselines/nearest_caption_colours"),
            **_RUN,
        ),
        Claim(
            metric="image and text find each other among 300 by their contrastive features (recall at 1)",
            paper="not stated here: known from memory only",
            keys=("recall_at_1", "recall_at_1/baselines/cca"),
            **_RUN,
        ),
        Claim(
            metric="the matching head tells a right caption from another's",
            paper="not reported",
            keys=("alignment", "alignment/baselines/cca"),
            **_RUN,
        ),
        Claim(
            metric="the same pairs without CapFilt, as many updates of the judged model",
            paper="lower in every task of its ablation; values not at hand",
            keys=("object_recall", "exact", "recall_at_1", "alignment"),
            **{
                **_RUN,
                "command": "mmx prove blip --preset no-capfilt settings.threads=1 --write",
                "result": "no-capfilt",
            },
        ),
        Claim(
            metric="the right answer of ten in a dialogue (MRR)",
            keys=("mrr", "mrr/baselines/word_overlap", "mrr/controls/shuffled_history", "recall_at_1"),
            command=f"{_PRESET} dialog",
            result="dialog",
            **_TUNED,
        ),
        Claim(
            metric="the same, what was said before never read",
            keys=("mrr", "recall_at_1"),
            command=f"{_PRESET} history-blind",
            result="history-blind",
            **_TUNED,
        ),
        Claim(
            metric="captions, fine-tuned: things that are named, exact captions",
            keys=("object_recall", "exact"),
            command=f"{_PRESET} captions",
            result="captions",
            **_TUNED,
        ),
        Claim(
            metric="VQA accuracy by ranking answers",
            keys=("vqa_accuracy", "vqa_accuracy/baselines/logistic_regression_image_and_question"),
            command=f"{_PRESET} vqa",
            result="vqa",
            **_TUNED,
        ),
    ),
)
