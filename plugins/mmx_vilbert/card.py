"""Card of ViLBERT (Lu et al. 2019)."""

from __future__ import annotations

from mmx import Card, Claim

_PRETRAINED = "6,000 drawn images of one or two things and their regions, 0.4 M parameters"
_RUN = {
    "scale": f"{_PRETRAINED}, 1,600 steps of 64",
    "command": "mmx prove vilbert settings.threads=1 --write",
    "result": "default",
}


_TUNED = {"scale": f"{_PRETRAINED}, 800 steps of 64, then 400 (questions: 1,000) of the task's own"}
_COMMAND = "mmx prove vilbert settings.threads=1 --write --preset"

CARD = Card(
    title="ViLBERT: Pretraining Task-Agnostic Visiolinguistic Representations for Vision-and-Language Tasks",
    summary="A text and the regions of an image run in two streams that attend to each other, and learn from hidden "
    "words, hidden regions, and whether they belong together.",
    authors="Jiasen Lu, Dhruv Batra, Devi Parikh, Stefan Lee",
    year=2019,
    url="https://arxiv.org/abs/1908.02265",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code",
    citation="Lu, Batra, Parikh, Lee: ViLBERT: Pretraining Task-Agnostic Visiolinguistic Representations for "
    "Vision-and-Language Tasks. NeurIPS 2019.",
    deviations=(
        "Drawn shapes instead of Conceptual Captions; a region is the pixels of its box, where the paper has the "
        "features of a Faster R-CNN, and its soft class is made: 0.8 for the true one of 24.",
        "Half of the texts that do not belong are the image's own with two words exchanged; the paper's are those of "
        "random other images (preset others-only), which a count of words tells apart here.",
        "One layer of text and two connections of width 64; the preset paper has the base configuration: 12 layers of "
        "text, six of the image, six connections.",
        "AdamW with a cosine schedule, nothing is pretrained; the paper starts from BERT.",
        "Hidden regions are named by their classes; the code's alternatives, squared error and contrast with 255 "
        "others, are left out.",
        "Of the tasks, VCR is left out. The nearest images of retrieval come from the same batch, where the paper "
        "takes one of the hundred nearest of the data set.",
    ),
    caveats=(
        "Two things in nine places and some thirty words: it shows that colours, shapes and places are bound together, "
        "and says nothing about photos.",
        "That a caption is of this image and not of a random other one is no achievement here: canonical correlation "
        "of boxes and colours with words tells it as well. The metric to read is binding.",
        "A probability of the alignment head is that of a pair among pairs of which half are aligned.",
        "Boxes are given, true ones or shifted ones; nothing is detected.",
        "Released weights of the pre-training (preset released) are converted by name and shape; none was run here "
        "beyond random ones of the same layout. Those of the multi-task model have no loader.",
        "Retrieval of a hundred is no better than canonical correlation of boxes and colours with words.",
    ),
    claims=(
        Claim(
            metric="binding: the image's own caption, or the same words with two exchanged (chance 0.5)",
            paper="not reported",
            keys=(
                "binding",
                "binding/baselines/cca",
                "binding/controls/without_regions",
                "binding/controls/without_text",
            ),
            **_RUN,
        ),
        Claim(
            metric="alignment: the own caption, or that of another image (chance 0.5)",
            paper="not reported",
            keys=("alignment", "alignment/baselines/cca"),
            **_RUN,
        ),
        Claim(
            metric="hidden words of colour and shape that are named, and without the image",
            paper="not reported",
            keys=(
                "masked_accuracy_colour",
                "masked_accuracy_colour/controls/without_regions",
                "masked_accuracy_shape",
                "masked_accuracy_shape/controls/without_regions",
            ),
            **_RUN,
        ),
        Claim(
            metric="hidden regions that are named, without the text, and by logistic regression on its words",
            paper="not reported",
            keys=(
                "region_accuracy",
                "region_accuracy/controls/without_text",
                "region_accuracy/baselines/logistic_regression_words",
            ),
            **_RUN,
        ),
        Claim(
            metric="the same without co-attention: the streams meet in the last product only",
            paper="not reported",
            keys=("binding", "masked_accuracy_colour", "masked_accuracy_shape", "region_accuracy"),
            **{**_RUN, "command": f"{_COMMAND} no-co-attention", "result": "no-co-attention"},
        ),
        Claim(
            metric="caption-based retrieval of 100, both directions",
            paper="not reported on shapes; on Flickr30k known from memory only",
            keys=("recall_at_1", "recall_at_5", "recall_at_1/baselines/cca"),
            scale=f"{_PRETRAINED}, 1,600 steps of 64, then 400 of 32",
            command=f"{_COMMAND} retrieval",
            result="retrieval",
        ),
        Claim(
            metric="VQA accuracy",
            paper="not stated here: known from memory only",
            keys=("vqa_accuracy", "vqa_accuracy/baselines/question_prior", "vqa_accuracy/controls/without_regions"),
            command=f"{_COMMAND} vqa",
            result="vqa",
            **_TUNED,
        ),
        Claim(
            metric="referring expressions: the box that is meant (IoU at least 0.5), true boxes; by colour, by place",
            paper="not stated here: known from memory only",
            keys=("accuracy", "accuracy_colour", "accuracy_position", "accuracy/baselines/nearest_both"),
            command=f"{_COMMAND} refcoco",
            result="refcoco",
            **_TUNED,
        ),
        Claim(
            metric="the same with shifted and repeated boxes",
            paper="not stated here: known from memory only",
            keys=("accuracy", "accuracy/references/best_candidate", "accuracy/baselines/nearest_both"),
            command=f"{_COMMAND} refcoco-detected",
            result="refcoco-detected",
            **_TUNED,
        ),
    ),
)
