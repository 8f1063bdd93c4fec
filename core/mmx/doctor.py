"""Checks of the environment for `mmx doctor`: what was found, and what to do where it is not usable."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from mmx.assets import store
from mmx.errors import AssetError
from mmx.support import compat, threads
from mmx.support.text import describe
from mmx.types import Check

if TYPE_CHECKING:
    from mmx.plugins.loader import Plugins

FREE_GB: Final = 2.0
"""Disk space below which runs and weights are likely to fail."""


def examine(plugins: Plugins) -> Iterator[Check]:
    """Yield all checks, mmx's own and then those of plugins (`mmx_doctor`); a check that raises has failed."""
    yield _guarded("python", _python)
    yield _guarded("torch", _torch)
    yield _guarded("threads", _threads)
    for name in ("torchaudio", "torchvision", "timm", "transformers", "mlflow", "soundfile", "av"):
        yield _guarded(name, lambda name=name: _library(name))  # type: ignore[misc]  # mypy cannot infer the default
    yield _guarded("cache", _cache)
    yield _guarded("disk", _disk)
    yield _guarded("assets", lambda: _assets(plugins))
    for plugin, checks in plugins.call("mmx_doctor"):
        for check in checks if isinstance(checks, Iterable) else [checks]:
            yield (
                check if isinstance(check, Check) else Check(plugin, False, f"mmx_doctor returned {check!r}, no Check")
            )
    yield _plugins(plugins)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # a broken native library raises ImportError, OSError or RuntimeError
        fix = f"pip install {error.name}" if isinstance(error, ModuleNotFoundError) and error.name else ""
        return Check(name, False, describe(error), fix)


def _python() -> Check:
    found = f"{platform.python_version()} at {sys.executable}, {platform.system()} {platform.machine()}"
    return Check("python", True, f"{found}, {os.cpu_count()} cores")


def _torch() -> Check:
    import torch

    devices = [f"cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    found = f"{torch.__version__} ({build}), devices: {', '.join(['cpu', *devices])}"
    idle = torch.version.cuda is not None and not torch.cuda.is_available()
    return Check("torch", True, found, "no CUDA device is visible to this CUDA build: nvidia-smi" if idle else "")


def _threads() -> Check:
    import torch

    choice = threads.choose(None, torch.get_num_threads())
    return Check("threads", True, f"{choice}, unless settings.threads is lower; they wait by {threads.waiting()}")


def _library(name: str) -> Check:
    module: Any = import_module(name)
    done = compat.status().get(name, "")
    return Check(name, True, f"{getattr(module, '__version__', 'unknown version')}{done and '; '}{done}")


def _cache() -> Check:
    folder = store.cache_folder()
    try:
        store.check_writable(folder)
    except AssetError as error:
        return Check("cache", False, str(error), "set MMX_CACHE to a folder that you may write to")
    return Check("cache", True, f"{folder} (MMX_CACHE)" if "MMX_CACHE" in os.environ else str(folder))


def _disk() -> Check:
    free = shutil.disk_usage(os.curdir).free / 2**30
    return Check("disk", free >= FREE_GB, f"{free:.1f} GB free here", "" if free >= FREE_GB else "make room for runs")


def _assets(plugins: Plugins) -> Check:
    known = plugins.registry.assets
    absent = sorted(name for name, asset in known.items() if store.state(asset) == "absent")
    found = f"{len(known) - len(absent)} of {len(known)} here"
    return Check("assets", True, found, f"mmx fetch {' '.join(absent)}" if absent else "")


def _plugins(plugins: Plugins) -> Check:
    names = ", ".join(record.name for record in plugins.records if record.state == "ok")
    if plugins.problems:
        return Check("plugins", False, "; ".join(plugins.problems), "mmx plugins -v")
    return Check("plugins", True, names or "none")
