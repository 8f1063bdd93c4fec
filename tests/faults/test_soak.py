"""A few of the kills at random moments that `soak.py` does by the hundred."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).with_name("soak.py")


def test_a_few_kills_lose_nothing() -> None:
    command = [sys.executable, str(SOAK), "--tries", "3", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"^3 tries, \d+ times ended \(\d+ of them with part of the steps saved\), 0 losses$", done.stdout, re.M
    )
