"""Speech2Face's nested encoders need one, and mmx knows no raw albums."""

from __future__ import annotations

import numpy as np

CASES = {
    "speech2face/album": {"image": {"use": "speech2face/face-net", "dim": 8, "widths": [4, 4], "side": 16}},
    "speech2face/voice-tower": {"encoder": {"use": "std/audio-cnn"}, "dim": 8},
}
RAWS = {"images": [(np.full((20, 20, 3), value, np.uint8),) * value for value in (1, 2, 3)]}
