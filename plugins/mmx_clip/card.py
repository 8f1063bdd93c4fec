"""Card of CLIP (Radford et al. 2021)."""

from __future__ import annotations

from mmx import Card

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
        "Words are tokens; the paper's byte pairs come with the presets of full scale.",
    ),
    caveats=(
        "Trained on shapes, the default knows some thirty words; it says nothing about photos.",
        "A text is ranked against what is offered: the first of several wrong texts is still wrong.",
        "Public weights reproduce the associations of the internet; its authors advise against any use that judges or "
        "watches people.",
    ),
)
