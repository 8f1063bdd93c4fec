"""Redaction of secrets in whatever leaves the process: parameters, configuration, diffs, notes, error texts."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

REDACTED: Final = "[redacted]"

_ALWAYS = r"secret|passwd|password|api[_-]?key|credential"
# "tokens" and "tokenizer" are everyday words of machine learning; "token" at the end of a word is not.
_TOKEN = r"token(?![a-z])"  # noqa: S105
_KEY = re.compile(rf"(?:{_ALWAYS}|{_TOKEN})", re.IGNORECASE)
# Anchored at the word itself and bounded, so that megabytes of unbroken text cost linear time.
_LINE = re.compile(
    rf"""(?P<key>(?:{_ALWAYS}|{_TOKEN})[\w.-]{{0,40}}["']?[ \t]{{0,8}}[:=][ \t]{{0,8}})"""
    r"""(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s,;)\]}]+)""",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"(?:-?\d[\d_.eE+-]*|true|false|null|none|~)\Z", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_TEXT = frozenset({".yaml", ".yml", ".json", ".jsonl", ".txt", ".diff", ".md", ".csv", ".log"})
_LARGEST_TEXT = 32_000_000
_SHORTEST = 6
"""Values of environment variables shorter than this are too common to be replaced in texts ("1", "true")."""


def is_secret(key: str) -> bool:
    """Return whether the last part of a dotted key sounds like a secret: `hub_token`, `api-key`, `db.password`."""
    return _KEY.search(key.rpartition(".")[2]) is not None


def redact_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with secrets replaced: by key, by known value, and passwords inside addresses."""
    return {key: _redact_value(key, value) for key, value in values.items()}


def redact_text(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `text` without secrets: `key: value` and `key=value` lines, values of secret variables, `user:pw@host`."""
    for value in _known(environ):
        text = text.replace(value, REDACTED)
    return redact_address(_LINE.sub(_hide, text))


def redact_address(uri: str) -> str:
    """Return `uri` without user name and password."""
    return _USERINFO.sub("", uri)


@contextmanager
def redacted_copy(file: Path) -> Iterator[Path]:
    """Yield `file`, or for a text file that holds secrets a cleaned temporary copy of the same name."""
    if file.suffix.lower() not in _TEXT or file.stat().st_size > _LARGEST_TEXT:
        yield file
        return
    text = file.read_bytes().decode("utf-8", "replace")
    clean = redact_text(text)
    if clean == text:
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, file.name)
        copy.write_text(clean, "utf-8")
        yield copy


def _redact_value(key: str, value: Any) -> Any:
    if is_secret(key) and value is not None and value != "":
        # A number under a key that only says "token" is a width or an index, not a secret.
        if isinstance(value, bool | int | float) and not re.search(_ALWAYS, key, re.IGNORECASE):
            return value
        return REDACTED
    return redact_text(value) if isinstance(value, str) else value


def _known(environ: Mapping[str, str]) -> list[str]:
    values = {value for key, value in environ.items() if is_secret(key) and len(value) >= _SHORTEST}
    return sorted(values, key=len, reverse=True)


def _hide(match: re.Match[str]) -> str:
    plain = _PLAIN.match(match["value"]) and not re.search(_ALWAYS, match["key"], re.IGNORECASE)
    return match[0] if plain or match["value"] == REDACTED else match["key"] + REDACTED
