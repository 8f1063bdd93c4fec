"""HERO's table of features must be told its width."""

from __future__ import annotations

CASES = {"hero/captioning": {"vocabulary": 20}, "hero/precomputed": {"columns": 4, "flat": 2, "frames": 70}}
