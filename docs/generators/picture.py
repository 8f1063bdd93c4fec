"""The README's image, made from a figure of a run: narrower, and in few colours, so that a clone stays small.

    mmx run hero --seed 0
    python docs/generators/picture.py runs/hero/<id>/media/moment_1.png

What the figure shows is composed from the media of `worlds/episodes`, whose authors and licences are in the manifest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PIL import Image

TARGET: Final = Path(__file__).resolve().parents[1] / "images" / "moment.png"
WIDTH: Final = 1200
"""Pixels; a README is shown some 900 wide."""
COLOURS: Final = 224
MOST: Final = 150_000
"""Bytes of the image."""


def shrink(figure: Path, target: Path = TARGET) -> int:
    """Write a figure small, and return its bytes.

    Raises:
        SystemExit: It does not get small enough.
    """
    image = Image.open(figure).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    if (size := target.stat().st_size) > MOST:
        raise SystemExit(f"{target}: {size} bytes, more than {MOST}")
    return size


if __name__ == "__main__":
    print(f"wrote {TARGET}: {shrink(Path(sys.argv[1]))} bytes")
