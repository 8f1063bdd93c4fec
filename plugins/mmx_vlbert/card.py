"""Card of VL-BERT (Su et al. 2020)."""

from __future__ import annotations

from mmx import Card

CARD = Card(
    title="VL-BERT: Pre-training of Generic Visual-Linguistic Representations",
    summary="One stream of words and regions learns from hidden words and hidden regions, and is fine-tuned on tasks.",
    licence="Code Apache-2.0",
)
