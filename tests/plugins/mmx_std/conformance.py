"""Parameters to try parts of the standard library with that need some, or that are large."""

from __future__ import annotations

import numpy as np

from mmx import Signal

RAWS = {
    "signal": [  # eight columns: those of `std/regions` are a box and four numbers
        Signal(0.1 * np.random.default_rng(length).standard_normal((length, 8)).astype(np.float32), 100.0)
        for length in (64, 40, 50)
    ]
}
CASES = {
    "std/ast": {"width": 16, "depth": 1, "heads": 2, "frames": 64},
    "std/timm": {"model": "test_resnet"},
    "std/transformers": {"model": "bert", "tiny": True},
    "std/frames": {"image": {"use": "std/conv2d", "widths": [4, 4], "image_size": 16}, "frames": 2},
    "std/clips": {"image": {"use": "std/conv2d", "widths": [4, 4], "image_size": 16}, "frames": 4},
    "std/phrases": {
        "text": {"use": "std/text-transformer", "width": 16, "depth": 1, "heads": 2, "tokenizer": "word", "tokens": 12}
    },
    "std/regions": {"columns": 4},
    "std/precomputed": {"columns": 8, "flat": 2, "frames": 70},
    "std/signal": {"channels": 8},
    "std/patch-audio": {"width": 16, "depth": 1, "heads": 2, "out": 8, "frames": 64},
    "std/patch-image": {"width": 16, "depth": 1, "heads": 2, "out": 8, "image_size": 32},
    "std/patch-signal": {"width": 16, "depth": 1, "heads": 2, "out": 8, "steps": 32, "channels": 8},
    "std/linear": {"target": "label"},
    "std/mlp": {"target": "label", "hidden": [8]},
    "std/clip-image": {"width": 16, "depth": 1, "heads": 2, "patch": 8, "image_size": 16, "out": 8},
    "std/clip-text": {"width": 16, "depth": 1, "heads": 2, "vocabulary": 300, "tokens": 12, "out": 8},
    "std/film": {"condition": "audio"},
    "std/hinge": {"a": "audio", "b": "image"},
    "std/infonce": {"a": "audio", "b": "image"},
    "std/masked-regions": {"out_dim": 3},
    "std/audio-tags": {"weights": "none.safetensors"},
    "std/kl": {"student": "heads.student", "teacher": "encoded.teacher"},
    "std/halving": {"every": 2},
    "std/exponential": {"factor": 0.99},
}
