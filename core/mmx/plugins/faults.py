"""Faults of plugins, one line each."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, Final

import pluggy

from mmx.errors import PluginError, did_you_mean
from mmx.plugins import hookspecs
from mmx.plugins.discovery import EntryPoint, requirements
from mmx.plugins.hookspecs import MMX_API
from mmx.support.text import MAX_SHOWN, describe, message_of, one_line

NOISE_LIMIT: Final = 4000
"""Characters kept of what a plugin prints while it is imported."""
MAX_API: Final = 9999
"""The largest number that is taken for a version."""

HOOKS: Final[Mapping[str, FunctionType]] = {
    name: value
    for name, value in vars(hookspecs).items()
    if name.startswith("mmx_") and isinstance(value, FunctionType)
}
"""Every hook by name."""

_IMPORTABLE = re.compile(r"\w{1,100}(\.\w{1,100}){0,20}")
_INSTALL_NAMES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


class WrongApiError(PluginError):
    """A plugin that was written for another version of the hooks and interfaces."""


def import_fault(entry: EntryPoint, error: BaseException) -> str:
    """Return why a plugin's module could not be imported, and what to do about it."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else one_line(message_of(error), 60)}) while it was imported"
    name = error.name if isinstance(error, ModuleNotFoundError) and type(error.name) is str else ""
    if not _IMPORTABLE.fullmatch(name):
        return f"import failed: {describe(error)}"
    if entry.module == name or entry.module.startswith(f"{name}."):
        return f"its entry point names the module {entry.module!r}, which does not exist"
    missing = name.partition(".")[0]
    if missing == entry.module.partition(".")[0]:
        return f"import failed: {describe(error)}"
    return f"needs {missing!r}, which is not installed: pip install {_install_argument(entry, missing)}"


def _install_argument(entry: EntryPoint, missing: str) -> str:
    """Return what to give to `pip install`: the declared requirement, the extra that brings it, or a plain name."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    name = _INSTALL_NAMES.get(missing, missing)
    for line in requirements(entry):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) == canonicalize_name(name):
            extra = str(requirement.marker or "").partition("extra ==")[2].strip(" \"')")
            return f"'{entry.distribution}[{extra}]'" if extra else f"'{requirement.name}{requirement.specifier}'"
    return name


def check_api(module: ModuleType) -> int:
    """Return the version that the plugin was written for.

    Raises:
        WrongApiError: It is not the version of this mmx.
        PluginError: It is not a whole number.
    """
    api = getattr(module, "MMX_API", 1)
    if type(api) is not int or not 0 <= api <= MAX_API:
        raise PluginError(f"MMX_API must be a whole number, not {one_line(repr(api), MAX_SHOWN)}")
    if api > MMX_API:
        raise WrongApiError(f"written for plugin API {api}, this mmx has {MMX_API}: pip install --upgrade mmx")
    if api < MMX_API:
        raise WrongApiError(
            f"written for plugin API {api}, this mmx has {MMX_API}: look for a newer version of the plugin"
        )
    return api


def check_hooks(manager: pluggy.PluginManager, module: ModuleType) -> None:
    """Check every function `mmx_*` of a plugin's module against the hooks, before it is registered.

    Raises:
        PluginError: A hook that does not exist, an argument that it does not have, a wrapper, or a forgotten decorator.
    """
    for name, value in vars(module).items():
        if not name.startswith("mmx_") or not isinstance(value, FunctionType):
            continue
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            if name in HOOKS:
                raise PluginError(f"{name} is not decorated with @mmx.hookimpl, so it would never be called")
            continue
        hook = options.get("specname") or name
        if hook not in HOOKS:
            if options.get("optionalhook"):
                continue
            raise PluginError(f"unknown hook {hook!r}{did_you_mean(hook, HOOKS)}; hooks: {', '.join(sorted(HOOKS))}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginError(f"{name} is a hook wrapper; mmx calls plain implementations only")
        _check_arguments(hook, value)


def _check_arguments(hook: str, function: FunctionType) -> None:
    known = _arguments(HOOKS[hook])
    for argument in _arguments(function):
        if argument not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise PluginError(f"{hook} has no argument {argument!r}{did_you_mean(argument, known)}; {takes}")


def _arguments(function: FunctionType) -> tuple[str, ...]:
    return function.__code__.co_varnames[: function.__code__.co_argcount]


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep what is written to stdout and stderr inside the block; yields the list that it is kept in.

    A stream that the plugin holds on to (a logging handler) writes to the real one again after the block.
    """
    kept: list[str] = []
    streams = _Capture(sys.stdout, kept), _Capture(sys.stderr, kept)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        yield kept
    finally:
        sys.stdout, sys.stderr = before
        for stream in streams:
            stream.open = False


class _Capture:
    """A text stream that keeps what is written while `open`, and otherwise is the stream it stands for."""

    def __init__(self, stream: Any, kept: list[str]) -> None:
        self.stream = stream
        self.kept = kept
        self.open = True

    def write(self, text: str) -> int:
        if not self.open:
            return int(self.stream.write(text))
        room = NOISE_LIMIT - sum(map(len, self.kept))
        if room > 0:
            self.kept.append(text[:room])
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Leave the real stream open for its other users."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
