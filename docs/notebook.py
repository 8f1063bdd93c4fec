"""Writes the executed notebook `tutorial/notebook.ipynb`; no Jupyter is needed.

    python docs/notebook.py            execute every cell in a folder of its own, and write
    python docs/notebook.py --check    write nothing; exit with 1 if the cells, or the kinds of their outputs, are stale

Outputs are what a notebook would show: what a cell prints, and of its last value HTML where it offers that, else text.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().parent / "tutorial" / "notebook.ipynb"

CELLS: Sequence[tuple[str, str]] = (
    ("markdown", "# mmx in a notebook\n\nEverything here runs in seconds, with the small preset `smoke`: it "
     "shows how, and learns nothing. Leave `preset` out for the real thing. The same without a notebook: "
     "[Runs from Python](python.md)."),
    ("code", "import mmx\n\n[info.name for info in mmx.experiments()]"),
    ("markdown", "Train and judge. The last line of a cell shows the verdict, and every metric beside the best that it "
     "is compared with."),
    ("code", 'run = mmx.run("clip", preset="smoke", seed=7, tracking=False)\nrun'),
    ("markdown", "`run.model` is a plain `torch.nn.Module`; `run.corpus` gives the samples, `run.embed` their features "
     "by port, as arrays."),
    ("code", 'test = run.corpus("test")\nfeatures = run.embed([test[index] for index in range(6)])\n'
     "{port: array.shape for port, array in features.items()}"),
    ("code", 'images, texts = features["fused.image"], features["fused.text"]\n'
     'for index in range(3):\n    print(test[index].fields["caption"])'),
    ("markdown", "The cosine of each image with each caption; the diagonal are the pairs."),
    ("code", "import numpy as np\n\n"
     "images, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts))\n"
     "(images @ texts.T).round(2)"),
    ("markdown", "Load a run later by its folder, its id, its experiment, or a tag of yours."),
    ("code", 'mmx.load("clip").report["items"]'),
)  # fmt: skip
"""Kind and text of each cell."""


def execute(cells: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the cells of a notebook with their outputs, executed in order in a folder that is gone afterwards."""
    names: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for kind, text in cells:
                cell = {"cell_type": kind, "id": f"cell-{len(found)}", "metadata": {}, "source": text.splitlines(True)}
                if kind == "code":
                    count = 1 + sum(each["cell_type"] == "code" for each in found)
                    cell |= {"execution_count": count, "outputs": _outputs(text, names, count)}
                found.append(cell)
        finally:
            os.chdir(before)
    return found


def _outputs(text: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run one cell, and return what it printed and its last value."""
    tree = ast.parse(text)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(tree, "cell", "exec"), names)  # noqa: S102 (our own cells)
        value = None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue().splitlines(True)})
    if value is not None:
        html = getattr(value, "_repr_html_", None)
        data = {"text/html": html().splitlines(True)} if html else {"text/plain": repr(value).splitlines(True)}
        outputs.append({"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data})
    return outputs


def notebook(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a notebook of the format 4.5."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def form(cells: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what must agree between a written notebook and a new execution: texts, and kinds of outputs."""
    return [
        (each["cell_type"], each["source"], [[o["output_type"], *o.get("data", ())] for o in each.get("outputs", ())])
        for each in cells
    ]


def main() -> int:
    """Write or check the notebook; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    cells = execute(CELLS)
    if parser.parse_args().check:
        written = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
        stale = form(written) != form(cells)
        print("tutorial/notebook.ipynb is stale; run: python docs/notebook.py" if stale else "the notebook is fresh")
        return int(stale)
    NOTEBOOK.write_text(json.dumps(notebook(cells), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {NOTEBOOK.relative_to(NOTEBOOK.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
