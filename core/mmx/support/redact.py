"""Redaction of secrets in whatever leaves the process: parameters, configuration, diffs, notes, error texts.

`files.write_text`, `files.write_json` and the journal call it for all that they write, MLflow's sink for every text
that it sends. A value is a secret because of its key (`hub_token`), because an environment variable or an argument of
the command line with such a key has it, because somebody said so (`remember`), or because of its shape (`ghp_…`).
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shlex
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

REDACTED: Final = "[redacted]"

_ALWAYS = (
    r"secret|passwd|password|passphrase|credential|authorization|(?:api|access|account|private|signing|encryption)[_-]?key"
    r"|key[_-]id|connection[_-]?string|(?<![a-z])cookies?(?![a-z])"
)
# "tokens" and "tokenizer" are everyday words of machine learning, "author" and "path" of any text; whole words are not.
_WORD = r"token(?![a-z])|(?<![a-z])(?:pwd|pat|auth)(?![a-z])"
_KEY = re.compile(rf"(?:{_ALWAYS}|{_WORD})", re.IGNORECASE)
_STRONG = re.compile(_ALWAYS, re.IGNORECASE)
_VARIABLE = re.compile(r"(?:^|_)(?:PASS|KEY)$|(?:^|_)DSN(?:_|$)", re.IGNORECASE)
"""Names of environment variables that are secrets besides."""
_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})
"""Environment variables that only sound like passwords: they are the current folder."""
_QUOTED = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|&quot;.*?&quot;|&\#(?:x27|39);.*?&\#(?:x27|39);"""
# Anchored at the word itself and bounded, so that megabytes of unbroken text cost linear time.
_LINE = re.compile(
    rf"""(?P<key>(?:{_ALWAYS}|{_WORD})[\w.-]{{0,40}}(?:["']|&quot;|&\#(?:x27|39);)?"""
    rf"""[ \t]{{0,8}}(?:=>|[:=])[ \t]{{0,8}})"""
    rf"""(?P<value>{_QUOTED}|\[(?:[^\]\[{{}}]|\[redacted\]){{0,4000}}\]|\([^()]{{0,4000}}\)|\{{[^{{}}]{{0,4000}}\}}"""
    r"""|(?:[^\s,;)\]}&<{]|[,;](?=[^\s,;:="'<>&)\]}]{1,200}(?:\s|\Z)))+)""",
    re.IGNORECASE,
)
# `--hub-token VALUE` in a command; a sentence about an option goes on with a small word.
_OPTION = re.compile(
    rf"""(?P<key>(?<![\w-])--?[\w.-]{{0,60}}(?:{_ALWAYS}|{_WORD})[\w.-]{{0,40}}[ \t]{{1,8}})"""
    r"""(?!(?:to|or|and|is|was|are|for|in|of|on|with|without|the|an?|as|by|from|must|has|needs?|cannot|can|not)\b)"""
    rf"""(?P<value>{_QUOTED}|[^\s"'\[<(|,;&-][^\s<]*?(?=[;,.)\]]?(?:\s|<|\Z)))""",
    re.IGNORECASE,
)
_LOGIN_OPTION = re.compile(
    r"""(?P<key>(?:^|(?<=[\s"']))(?:-u|--(?:proxy-)?user)[ =]{1,4}["']?[^\s:"']{1,80}:)"""
    r"""(?P<value>[^\s"'<]+?)(?=[;,.)]?(?:[\s"'<]|\Z))"""
)
_COOKIE = re.compile(
    rf"""(?P<key>\b(?:set-)?cookie["']?[ \t]{{0,8}}[:=][ \t]{{0,8}})(?P<value>{_QUOTED}|[^\s"'<\[{{(][^\n"'<]*)""",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"""(?P<key>["'][\w-]{{0,40}}(?:{_ALWAYS})["'],[ \t]{{0,8}})(?P<value>{_QUOTED})""", re.IGNORECASE)
_SIGNED = re.compile(r"""(?P<key>[?&;](?:[\w-]{0,40}signature|sig|key|code)=)(?P<value>[^\s"'<>&#]+)""", re.IGNORECASE)
"""In an address."""
_BLOCK = re.compile(
    rf"""^(?P<indent>[ \t+-]{{0,80}})[\w.-]{{0,60}}(?:{_ALWAYS}|{_WORD})[\w.-]{{0,40}}[ \t]{{0,8}}:[ \t]{{0,8}}"""
    r"""(?P<scalar>[|>][0-9+-]{0,2})?[ \t]{0,8}\n(?=[ \t+-])""",
    re.IGNORECASE | re.MULTILINE,
)
_ITEM = re.compile(r"(?P<lead>[ \t+-]*)(?P<key>[\w.-]{1,60}:(?:\s|\Z))?(?P<value>.*)", re.DOTALL)
# In lines `key: value` a value without quotes goes on to the end of the line: passwords may hold blanks.
_REST = re.compile(
    rf"""^(?P<key>[ \t+-]{{0,80}}[\w.-]{{0,60}}(?:{_ALWAYS}|{_WORD})[\w.-]{{0,40}}[ \t]{{0,8}}:[ \t]{{1,8}})"""
    r"""(?P<value>[^\s"'\[{|>&*][^\n<]*)$""",
    re.IGNORECASE | re.MULTILINE,
)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{15,}|\bhf_[A-Za-z0-9]{20,}"
    r"|\bsk-[\w-]{20,}|\bxox[abposr]-[\w-]{10,}|\bAIza[\w-]{30,}|\bnpm_\w{30,}|\bpypi-[\w-]{20,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    re.DOTALL,
)
_BEARER = re.compile(r"(\bbearer[\s:=]{1,8})[\w.~+/=-]{8,}", re.IGNORECASE)
_LOGIN = re.compile(
    r"(\bauthorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?:basic|digest|token)\s{1,8})[^\s\"'<]+", re.IGNORECASE
)
_PLAIN = re.compile(r"(?:-?\d[\d_.eE+-]*|true|false|null|none|~)\Z", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/\s]*@")
_MEDIA = re.compile(r"(;base64,[A-Za-z0-9+/=]{64,})")
"""Media inside pages: megabytes in which letters are no words."""
_TEXT = frozenset(
    {".yaml", ".yml", ".json", ".jsonl", ".txt", ".diff", ".md", ".csv", ".tsv", ".log", ".html", ".htm", ".svg", ".py"}
    | {".toml", ".ini", ".cfg", ".xml", ".srt", ".vtt"}
)
_LARGEST_TEXT = 64_000_000
_SHORTEST = 6
"""Known values shorter than this are too common to be replaced in texts ("1", "true")."""

_SHORTEST_INNER = 12
"""Letters of base64 from which on no other text is taken for them."""

_remembered: set[str] = set()


def is_secret(key: str) -> bool:
    """Return whether a dotted key sounds like a secret: `hub_token`, `api-key`, `db.password`, `credentials.user`."""
    return _STRONG.search(key) is not None or _KEY.search(key.rpartition(".")[2]) is not None


def remember(values: Mapping[str, Any]) -> None:
    """Note the secrets among `values`, dotted keys: from now on they are replaced in all texts of this process."""
    for key, value in values.items():
        if isinstance(value, str) and is_secret(key) and not _PLAIN.match(value) and value != REDACTED:
            _remembered.add(value)


def redact_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with secrets replaced: by key, by known value, and passwords inside addresses."""
    return {key: redact_tree(value, key) for key, value in values.items()}


def redact_tree(value: Any, key: str = "") -> Any:
    """Return nested mappings and lists with secrets replaced at every depth; `key` is what the value is called."""
    if isinstance(value, Mapping):
        return {name: redact_tree(item, f"{key}.{name}" if key else str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_tree(item, key) for item in value]
    if value is None or value == "":
        return value
    if is_secret(key):
        # A number under a key that only says "token" is a width or an index, not a secret.
        return value if isinstance(value, bool | int | float) and not _STRONG.search(key) else REDACTED
    return redact_text(value) if isinstance(value, str) else value


def redact_text(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `text` without secrets: `key: value` and `key=value`, known values, tokens by shape, `user:pw@host`."""
    for value in _known(tuple(environ.items()), tuple(getattr(sys, "argv", ())), frozenset(_remembered)):
        text = text.replace(value, REDACTED)
    parts = _MEDIA.split(text)
    return "".join(part if index % 2 else _without_patterns(part) for index, part in enumerate(parts))


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


def _without_patterns(text: str) -> str:
    text = _SHAPES.sub(REDACTED, text)
    text = _BEARER.sub(rf"\g<1>{REDACTED}", _LOGIN.sub(rf"\g<1>{REDACTED}", text))
    for pattern in (_COOKIE, _PAIR, _SIGNED, _LOGIN_OPTION, _OPTION):
        text = pattern.sub(_hide, text)
    return redact_address(_LINE.sub(_hide, _REST.sub(_hide, _without_blocks(text))))


def _without_blocks(text: str) -> str:
    """Return `text` with the lines below `hub_token:` hidden where they are a list or one long value."""
    parts, at = [], 0
    for match in _BLOCK.finditer(text):
        if match.start() < at:
            continue
        parts.append(text[at : match.end()])
        at, depth = match.end(), len(match["indent"])
        while at < len(text):
            end = text.find("\n", at) + 1 or len(text)
            item = _ITEM.match(text[at:end])
            if item is None or not (value := item["value"].strip()):
                break
            dashed = item["lead"].rstrip().endswith("-")
            if len(item["lead"]) <= depth and not (dashed and len(item["lead"]) > depth):
                break
            if item["key"] and not match["scalar"] and not _STRONG.search(match[0]):
                break
            parts.append(f"{item['lead']}{item['key'] or ''}{value if _PLAIN.match(value) else REDACTED}\n")
            at = end
    return "".join([*parts, text[at:]])


@lru_cache(maxsize=8)
def _known(environ: Sequence[tuple[str, str]], arguments: Sequence[str], remembered: frozenset[str]) -> list[str]:
    """Return the secret values of this process, longest first, each in the ways that files write text."""
    found = set(remembered)
    for key, value in environ:
        if key not in _FOLDERS and (is_secret(key) or _VARIABLE.search(key)):
            found.add(value)
        if "://" in value and "@" in value:
            found.add(value.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2])
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        key, _, value = argument.partition("=")
        if key.startswith("-") and "=" not in argument and not following.startswith("-"):
            value = following
        if value and is_secret(key.rstrip("+")) and not _PLAIN.match(value):
            found.add(value)
    kept = {value for value in found if len(value) >= _SHORTEST and not _PLAIN.match(value)}
    return sorted({way for value in kept for way in _ways(value)}, key=len, reverse=True)


def _ways(value: str) -> Iterator[str]:
    """Yield the ways in which files, commands, addresses and headers write a text."""
    yield from (value, html.escape(value), json.dumps(value)[1:-1], shlex.quote(value))
    yield from (urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value))
    content = value.encode("utf-8", "surrogateescape")
    for before in range(3):  # as part of a longer text (`user:value`) it is written in one of three ways
        text = base64.b64encode(bytes(before) + content).decode()
        inner = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(content)) % 3]]
        if len(inner) >= _SHORTEST_INNER:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _hide(match: re.Match[str]) -> str:
    value = match["value"].strip()
    strong = _STRONG.search(match["key"]) is not None
    if value.strip("\"'").startswith(REDACTED) or (_PLAIN.match(value) and not strong):
        return match[0]
    if value[0] in "[({" and value[-1] in "])}":
        items = [item.strip().strip("\"'") for item in value[1:-1].split(",")]
        if not strong and (value[0] == "{" or all(not item or _PLAIN.match(item) for item in items)):
            return match[0]  # widths, or settings of something that is called token
        quote = '"' if '"' in value else "'" if "'" in value else ""
        return f"{match['key']}{quote}{REDACTED}{quote}"
    quote = value[0] if value[0] in "\"'" and value[0] == value[-1] else ""  # what was valid YAML or JSON stays so
    return f"{match['key']}{quote}{REDACTED}{quote}"
