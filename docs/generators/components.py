"""Every component by kind with its parameters, as `mmx show NAME` reads them from source text."""

from __future__ import annotations

from collections.abc import Sequence

from generators.markdown import cell, code, docstring, table
from mmx.plugins.loader import Plugins, load_plugins
from mmx.registry.registry import KINDS, Entry, plural
from mmx.registry.schema import Expression, Param, signature
from mmx.registry.validation import shown
from mmx.types import Asset


def first_party() -> Plugins:
    """Return the plugins that come with mmx, and no others."""
    return load_plugins(environ={"MMX_PLUGINS": ""}, strict=True)


def components() -> str:
    """Return all components, by kind."""
    registry = first_party().registry
    parts = []
    for kind in KINDS:
        entries = list(registry.entries(kind))
        if entries:
            parts += [f"## {plural(kind).capitalize()}\n", *map(_component, entries)]
    return "\n".join(parts)


def assets() -> str:
    """Return all assets."""
    listed = first_party().registry.assets
    headers = ("asset", "from", "MB", "licence", "what")
    return table(headers, (_asset(listed[name]) for name in sorted(listed)))


def _asset(asset: Asset) -> Sequence[str]:
    return f"`{asset.name}`", f"`{asset.requirement}`", f"{asset.size_mb:g}", cell(asset.licence), cell(asset.summary)


def _component(entry: Entry) -> str:
    known = signature(entry.target)
    body = known.doc.partition("\nArgs:")[0]
    text = f"### {entry.name}\n\n{docstring(body)}\n"
    if known.params:
        text += table(("parameter", "type", "default", "range", "meaning"), map(_row, known.params.values()))
    else:
        text += "It takes no parameters.\n"
    return text + ("\nFurther parameters are passed on.\n" if known.extra else "")


def _row(param: Param) -> Sequence[str]:
    return f"`{param.name}`", code(param.annotation), _default(param), code(param.constraint), cell(param.help)


def _default(param: Param) -> str:
    if param.filled:
        return "filled in"
    if param.required:
        return "required"
    return code(param.default.text if isinstance(param.default, Expression) else shown(param.default))
