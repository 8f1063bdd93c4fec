"""Parameters to try BLIP's parts with that need some."""

from __future__ import annotations

SHAPES = {"use": "worlds/shapes", "clips": 16, "val_clips": 4, "test_clips": 4}
CASES = {
    "blip/web": {"pairs": SHAPES},
    "blip/bootstrapped": {"web": {"use": "blip/web", "pairs": SHAPES}, "human": SHAPES},
    "blip/dialogues": {"questions": {"use": "worlds/questions", "clips": 24, "rounds": 3, "things": 3}},
}
