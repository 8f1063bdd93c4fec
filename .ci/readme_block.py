"""Print the README's block of commands that a comment names: `python .ci/readme_block.py run`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def block(name: str) -> str:
    """Return the lines of the fenced block behind `<!-- ci: NAME -->`."""
    found = re.findall(rf"<!-- ci: {re.escape(name)} -->\n```bash\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)
    if len(found) != 1:
        raise SystemExit(f"README.md has {len(found)} blocks '<!-- ci: {name} -->', not one")
    return str(found[0])


if __name__ == "__main__":
    print(block(sys.argv[1]), end="")
