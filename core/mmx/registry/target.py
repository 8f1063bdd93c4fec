"""Targets, `module:attribute`: the form in which plugins name what is imported only when it is needed."""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

from mmx.errors import PluginError, did_you_mean
from mmx.support.signals import CtrlC
from mmx.support.text import describe

FORM: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


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
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if ctrl_c.pressed:
            raise
        raise PluginError(f"{origin}: cannot import {module_name}: {describe(error)}") from error
    if not hasattr(module, attribute):
        raise PluginError(f"{origin}: {module_name} has no {attribute!r}{did_you_mean(attribute, vars(module))}")
    return getattr(module, attribute)
