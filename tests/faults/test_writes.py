"""Every ninth of the operations that `writes.py` lets fail, one at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

WRITES = Path(__file__).with_name("writes.py")


def test_whichever_write_fails_once_the_run_ends_with_one_line_or_completes_and_can_go_on(tmp_path: Path) -> None:
    command = [sys.executable, str(WRITES), str(tmp_path / "runs"), "4", "9"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) >= 5
    assert {each["called"] for each in found} >= {"os.write", "os.fsync"}
    for each in found:
        assert each["status"] == 0, each
        if each["ended"] == "completed":
            assert (each["reported"], each["last"]) == (True, "completed"), each
        else:
            assert "No space left on device" in each["ended"] and "\n" not in each["ended"], each
            assert not each["reported"], each
        assert (each["after"], each["left"]) == ("completed", []), each
