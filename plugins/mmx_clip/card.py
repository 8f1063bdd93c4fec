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
)
