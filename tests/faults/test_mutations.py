"""Some of the damaged files that `mutate.py` reads by the thousand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import mutate

MUTATE = Path(mutate.__file__)


@pytest.mark.timeout(1000)
def test_files_damaged_at_random_are_read_or_refused_by_name() -> None:
    command = [sys.executable, str(MUTATE), "--tries", "300", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^300 tries, (\d+) read, (\d+) refused, 0 losses$", done.stdout, re.M)
    assert found is not None
    assert int(found[1]) > 30 and int(found[2]) > 30, (
        "damage that nothing notices, or that leaves nothing, tries nothing"
    )


def test_what_dies_hangs_raises_or_takes_memory_is_a_loss(tmp_path: Path) -> None:
    faults = {
        "dies": "import os; os._exit(3)",
        "hangs": "import time; time.sleep(3600)",
        "works": "while True: pass",
        "raises": "[][0]",
        "takes": "held = b'1' * (MEMORY + (1 << 20))",
    }
    source = (
        "import sys, pathlib; from tests.faults import mutate; from tests.faults.mutate import *\n"
        "mutate.SECONDS = 2.0; mutate.MEMORY = 1 << 28; mutate._whole = lambda place, kind: None\n"
        "mutate.kinds = lambda folder: [Kind('a', lambda path, c=c: exec(c, vars(mutate)), [b'x']) for c in {}]\n"
        "print(*mutate.outcomes(6, 0, pathlib.Path(sys.argv[1])), sep='\\n')"
    ).format(["0", *faults.values()])
    done = subprocess.run([sys.executable, "-c", source, str(tmp_path)], capture_output=True, text=True, timeout=600)
    told = done.stdout.splitlines()
    assert told[0] == "read", done.stderr
    assert "the process ended with 3" in told[1]
    assert "more than 2 s" in told[2]
    assert "more than 2 s" in told[3]
    assert "IndexError" in told[4]
    assert re.fullmatch(r"a: \d+ MB", told[5])
