"""Card of the Transformer (Vaswani et al. 2017)."""

from __future__ import annotations

from mmx import Card

CARD = Card(title="Attention Is All You Need", summary="x", licence="Apache-2.0")
