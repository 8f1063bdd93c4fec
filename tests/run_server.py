"""Runs `mmx` in forks of a process that has imported torch once: a run of two steps costs a second, not five.

Reads one JSON object per line, {"site", "cwd", "arguments", "environ"}; answers each with {"code", "output"}. The forks
import plugins afresh: no plugin is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from importlib import import_module

HEAVY = (
    *("mmx.cli.run", "mmx.runs.session", "mmx.report.terminal", "mmx.config.resolve", "mmx.tracking.mlflow_sink"),
    *("matplotlib.pyplot", "sklearn.metrics", "torch._dynamo", "torchaudio", "yaml"),
)
"""What a run imports, plugins aside."""


def main() -> None:
    """Answer requests until the input ends."""
    for name in HEAVY:
        import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile("w+") as output:
            child = os.fork()
            if child == 0:
                os._exit(_child(request, output.fileno()))
            _, status = os.waitpid(child, 0)
            output.seek(0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status), "output": output.read()}), flush=True)


def _child(request: dict[str, object], output: int) -> int:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(str(request["cwd"]))
    os.environ.update(request["environ"])  # type: ignore[arg-type]
    sys.path.insert(0, str(request["site"]))
    try:
        from mmx.cli import main

        code = main(request["arguments"])  # type: ignore[arg-type]
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()
