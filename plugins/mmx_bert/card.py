"""Card of BERT (Devlin et al. 2018)."""

from __future__ import annotations

from mmx import Card

CARD = Card(title="BERT", summary="x", licence="Apache-2.0")
