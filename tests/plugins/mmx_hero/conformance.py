"""HERO's captions must be told the size of a vocabulary."""

from __future__ import annotations

CASES = {"hero/captioning": {"vocabulary": 20}}
