"""The schema of registry.yaml: one table per level, from the models that validate it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from generators.markdown import cell, code, table
from mmx.config import experiment

LEVELS = ("Experiment", "EncoderPart", "Part", "Stage", "Update", "Settings", "Paper")
_NOT_WRITTEN = {"Experiment": ("name", "preset"), "EncoderPart": ("params",), "Part": ("params",)}


def schema() -> str:
    """Return the keys of every level."""
    return "\n".join(_level(name) for name in LEVELS)


def _level(name: str) -> str:
    model: type[BaseModel] = getattr(experiment, name)
    doc = (model.__doc__ or "").strip()
    rows = [
        (f"`{key}`", code(_type(field)), _default(field), cell(field.description or ""))
        for key, field in model.model_fields.items()
        if key not in _NOT_WRITTEN.get(name, ())
    ]
    words = "\n".join(line.strip() for line in doc.splitlines() if "params" not in line).strip()
    return f"### {name}\n\n{words}\n\n{table(('key', 'type', 'default', 'meaning'), rows)}"


def _type(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    text = annotation.__name__ if isinstance(annotation, type) and "[" not in str(annotation) else str(annotation)
    text = re.sub(r"Annotated\[(\w+), FieldInfo\(.*?\)\]\)\]", r"\1", text)
    text = re.sub(r"\b(typing|collections\.abc|mmx\.config\.experiment)\.", "", text)
    limits = [f"{sign} {value:g}" for sign, value in _limits(field)]
    return f"{text}, {', '.join(limits)}" if limits else text


def _limits(field: FieldInfo) -> list[tuple[str, float]]:
    signs: Mapping[str, str] = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return [
        (sign, getattr(mark, name)) for mark in field.metadata for name, sign in signs.items() if hasattr(mark, name)
    ]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, experiment.Part):
        return code(value.use)
    if isinstance(value, BaseModel):
        return "all defaults"
    plain = {None: "none", True: "true", False: "false"}
    return code(plain[value] if value is None or isinstance(value, bool) else str(value)) if value != () else "none"
