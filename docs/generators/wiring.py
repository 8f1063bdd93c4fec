"""The comment in registry.yaml that lists where each paper's wiring is."""

from __future__ import annotations

import re

from generators.papers import papers
from generators.saved import ROOT

REGISTRY = ROOT / "registry.yaml"
_BLOCK = re.compile(r"(# generated: where each paper's wiring is \(docs/build\.py\)\n).*?(# end\n)", re.DOTALL)


def filled(text: str) -> str:
    """Return the file with the list made anew.

    Raises:
        SystemExit: The file has no place for it.
    """
    found = [record.name for record, _, _ in papers()]
    width = max(map(len, found))
    lines = "".join(f"#   {name:<{width}}  plugins/mmx_{name}/experiments.yaml\n" for name in sorted(found))
    result, count = _BLOCK.subn(lambda block: f"{block[1]}{lines}{block[2]}", text)
    if count != 1:
        raise SystemExit("docs/build.py: registry.yaml needs the comments `# generated: where ...` and `# end`, once")
    return result
