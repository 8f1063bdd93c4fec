"""Card of GLIP (Li, Zhang et al. 2022)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "4,000 drawn images of one to three things, 48 pixels, 0.3 M parameters, 800 steps of 32",
    "command": "mmx prove glip settings.threads=1 --write",
    "result": "default",
}

CARD = Card(
    title="Grounded Language-Image Pre-training",
    summary="Detection as grounding: regions of an image are scored by the words of a prompt instead of by classes.",
    authors="Liunian Harold Li, Pengchuan Zhang, Haotian Zhang, Jianwei Yang, Chunyuan Li, Yiwu Zhong, Lijuan Wang, "
    "Lu Yuan, Lei Zhang, Jenq-Neng Hwang, Kai-Wei Chang, Jianfeng Gao",
    year=2022,
    url="https://arxiv.org/abs/2112.03857",
    licence="Code Apache-2.0, written from the paper and the behaviour of its public code (MIT); the public weights "
    "that presets can load are Apache-2.0 (Grounding DINO, OWLv2)",
    citation="Li, Zhang et al.: Grounded Language-Image Pre-training. CVPR 2022.",
    deviations=(
        "Drawn shapes and prompts of their names instead of Objects365, GoldG and 24 million captions; all prompts are "
        "lists of phrases, none is a caption with spans.",
        "The image network is a small convolutional one with a single level of 12 x 12 cells, the text network one "
        "block of width 64; the paper has Swin, five levels and BERT.",
        "One block of fusion, where the paper has six or eight (preset two-blocks has two).",
        "Two 3 x 3 convolutions with group normalisation, residual, stand where the dynamic head has deformable "
        "convolutions, attention over scales and dynamic ReLU.",
        "The scales of what the sides read of each other begin at 0.1: from the paper's 1e-4 they hardly open in 800 "
        "steps. Anchors are three cells wide, not eight.",
        "AdamW with a cosine schedule and one rate for both towers; no average of weights, no crops, no self-labelled "
        "captions.",
        "Its own weights need compiled operations and load in no maintained class: the pretrained presets are "
        "Grounding DINO and OWLv2, which descend from the same idea.",
    ),
    caveats=(
        "Trained on shapes 8 to 13 pixels wide in images of 48, it knows a dozen words: it finds flat shapes of "
        "about that share on a dark ground; on grey or in a photo its boxes are off, and other things get wrong names.",
        "Each image is padded to a square and scaled to 48 pixels: things below a tenth of its longer side vanish.",
        "Deep fusion gains nothing here: without it (preset no-fusion) phrases are found as often.",
        "Of referring expressions (preset refcoco) it is not better than the candidate with the nearest colours and "
        "place, expressions of place are hardly understood, and runs differ much.",
        "A phrase that is not there still has a best region: only its score tells, and that score is no probability.",
        "Public weights reproduce what their web-scale data show, mistakes about people included; not for any use that "
        "judges or watches people.",
    ),
    claims=(
        Claim(
            metric="phrases whose box is found first (IoU at least 0.5)",
            paper="not reported on shapes; on Flickr30k Entities known from memory only",
            keys=(
                "recall_at_1",
                "recall_at_1/baselines/nearest_colours",
                "recall_at_1/controls/shuffled_prompt",
                "recall_at_1/controls/without_prompt",
            ),
            **_RUN,
        ),
        Claim(
            metric="the same for combinations of colour and shape that no prompt of training named",
            paper="not reported on shapes (COCO zero-shot AP 46.6 with GLIP-T)",
            keys=("recall_at_1_novel", "recall_at_1_novel/baselines/nearest_colours"),
            **_RUN,
        ),
        Claim(
            metric="phrases that are there score above those that are not (area under the curve)",
            paper="not reported",
            keys=("presence_auc", "presence_auc_novel"),
            **_RUN,
        ),
        Claim(
            metric="the same training, every image with another's prompt",
            paper="not reported",
            keys=("recall_at_1", "presence_auc"),
            **{**_RUN, "result": "shuffled"},
        ),
        Claim(
            metric="image and prompt meet in the last product only",
            paper="COCO zero-shot AP 42.9 against 44.9 with deep fusion (models A and B)",
            keys=("recall_at_1", "presence_auc"),
            **{**_RUN, "result": "no-fusion"},
        ),
        Claim(
            metric="referring expressions by boxes of its own (IoU at least 0.5); by colour, by place",
            paper="not reported",
            keys=("accuracy", "accuracy_colour", "accuracy_position", "accuracy/baselines/nearest_both"),
            scale="12,000 drawn images of one to three things of one shape, 1,800 steps of 32",
            command="mmx prove glip settings.threads=1 --preset refcoco --write",
            result="refcoco",
        ),
    ),
)
