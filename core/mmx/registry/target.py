"""Targets, `module:attribute`: the form in which plugins name what is imported only when it is needed."""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

from mmx.errors import PluginError, did_you_mean
from mmx.support.signals import CtrlC, Interrupted
from mmx.support.text import describe

FORM: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_NOT_THERE: Final = object()


def load(target: str, origin: str) -> Any:
    """Import the module and return the attribute.

    Args:
        target: `module:attribute`.
        origin: What errors say first: whose target it is.

    Raises:
        PluginError: The module cannot be imported, or has no such attribute.
    """
    module_name, _, attribute = target.partition(":")
    ctrl_c = CtrlC()
    try:
        with ctrl_c.noticed():
            module = importlib.import_module(module_name)
            found = getattr(module, attribute, _NOT_THERE)
    except BaseException as error:
        if ctrl_c.pressed or isinstance(error, Interrupted):
            raise
        raise PluginError(f"{origin}: cannot import {module_name}: {describe(error)}") from error
    if found is _NOT_THERE:
        raise PluginError(f"{origin}: {module_name} has no {attribute!r}{did_you_mean(attribute, vars(module))}")
    return found
