"""Card of early and late fusion."""

from __future__ import annotations

from mmx import Card

CARD = Card(
    title="Early and late fusion of sensors and images",
    summary="placeholder",
    licence="Code Apache-2.0",
)
