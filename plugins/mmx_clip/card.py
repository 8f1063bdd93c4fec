"""Card of CLIP (Radford et al. 2021)."""

from __future__ import annotations

from mmx import Card, Claim

_RUN = {
    "scale": "600 drawn shapes at 32 pixels, 0.35 M parameters, 500 steps of 128",
    "command": "mmx prove clip settings.threads=1 --write",
    "result": "default",
}

CARD = Card(
    title="Learning Transferable Visual Models From Natural Language Supervision",
    summary="An image tower and a text tower share one space; classes are named by prompts instead of trained.",
    authors="Alec Radford, Jong Wook Kim, Chris Hallacy, Aditya Ramesh, Gabriel Goh, Sandhini Agarwal, Girish Sastry, "
    "Amanda Askell, Pamela Mishkin, Jack Clark, Gretchen Krueger, Ilya Sutskever",
    year=2021,
    url="https://arxiv.org/abs/2103.00020",
    licence="Code Apache-2.0, written from the paper; the public weights that presets can load are MIT (OpenAI)",
    citation="Radford et al.: Learning Transferable Visual Models From Natural Language Supervision. ICML 2021.",
    deviations=(
        "Six thousand drawn shapes with captions of one grammar instead of 400 million pairs from the internet.",
        "The default image tower is a three-layer convolutional network at 32 pixels, the text tower two blocks of "
        "width 96; the paper's five towers are presets of full scale (paper, paper-...) with their published sizes.",
        "Batches of 128 repeat captions: those are positives of each other; the paper's loss has the diagonal only.",
        "The prompts name places, as all captions do; they were chosen against prompts without by the "
        "validation split, with the accuracy on unseen combinations in view.",
        "Words are tokens; the paper's byte pairs come with the presets of full scale.",
    ),
    caveats=(
        "Trained on shapes, the default knows some thirty words; it says nothing about photos.",
        "A text is ranked against what is offered: the first of several wrong texts is still wrong.",
        "Public weights reproduce the associations of the internet; its authors advise against any use that judges or "
        "watches people.",
    ),
    claims=(
        Claim(
            metric="zero-shot accuracy by prompts",
            paper="not reported on shapes (ImageNet figures of the released models are not reproduced here)",
            keys=("accuracy", "accuracy_novel", "accuracy_first_template"),
            **_RUN,
        ),
        Claim(
            metric="retrieval, both directions, of 600",
            paper="not reported on shapes",
            keys=("recall_at_1", "recall_at_10"),
            **_RUN,
        ),
        Claim(
            metric="arithmetic: image - one colour + another, first answer right",
            paper="not reported",
            keys=("arithmetic_at_1",),
            **_RUN,
        ),
        Claim(
            metric="zero-shot accuracy and retrieval, trained on captions of other images",
            paper="not reported",
            keys=("accuracy", "accuracy_novel", "recall_at_1"),
            **{**_RUN, "result": "shuffled"},
        ),
        Claim(
            metric="zero-shot accuracy, captions without colour words",
            paper="not reported",
            keys=("accuracy", "accuracy_novel"),
            scale="as above; four shapes can be told, six colours cannot",
            command="mmx prove clip settings.threads=1 --write",
            result="no-colour",
        ),
        Claim(
            metric="zero-shot accuracy by one prompt without a place, a {}",
            paper="not reported on shapes",
            keys=("accuracy", "accuracy_novel"),
            scale="as above",
            command="mmx prove clip settings.threads=1 --write",
            result="one-template",
        ),
        Claim(
            metric="zero-shot accuracy on real photos and drawings, trained on 379 of them",
            paper="not reported on these",
            keys=("accuracy", "recall_at_10"),
            scale="61 images, 390 labels, most of which training never shows; 64 pixels, 400 steps of 128: as it is",
            command="mmx prove clip settings.threads=1 --write",
            result="images",
        ),
    ),
)
