"""Card of im2recipe (Salvador et al. 2017)."""

from __future__ import annotations

from mmx import Card

CARD = Card(title="t", summary="s", licence="Apache-2.0")
