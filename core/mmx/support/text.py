"""Formatting of text of unknown origin for one line of a terminal."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Final

LIMIT: Final = 400
"""Characters of an error message that are worth a line."""
LONGEST: Final = 20_000
"""Characters of a text of unknown origin that are looked at: it may have millions, which would take seconds."""
MAX_SHOWN: Final = 60
"""Characters of a value that a message shows."""
LIBRARIES: Final = frozenset(
    {"numpy", "scipy", "sklearn", "pandas", "torch", "torchaudio", "torchvision", "transformers"}
)
"""Packages in which an error is raised that was made by who called them."""

_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Return `text` with control characters (terminal escapes among them) written out as `\x1b`; newlines stay."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )


def visible(markup: str) -> str:
    r"""Return a page with control characters, and those that turn the direction of writing, written out as `\u202e`."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), markup)


def one_line(text: str, limit: int = LIMIT) -> str:
    """Return `text` on one printable line of at most `limit` characters, cut with an ellipsis."""
    words = " ".join(str.__str__(text)[:LONGEST].split())
    line = printable(words[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def describe(error: BaseException) -> str:
    """Return `KindOfError: message` on one line; just the kind where there is no message."""
    message, kind = one_line(message_of(error)), kind_of(error)
    return f"{kind}: {message}" if message else kind


def kind_of(value: object) -> str:
    """Return the name of a value's class, asking the interpreter and not the class, which may be anybody's."""
    return one_line(vars(type)["__name__"].__get__(type(value)), MAX_SHOWN)


def message_of(error: BaseException) -> str:
    """Return `str(error)`, of a very long one its beginning; of an error that cannot even say what it is, that."""
    try:
        return str.__str__(str(error))[:LONGEST]  # a subclass of str may do anything when it is cut
    except BaseException:  # also one that would end, or seem to interrupt, the process
        return "(its message cannot be shown)"


def raised_at(error: BaseException) -> str:
    """Return `file.py:LINE`, where an error was raised: the last line that is none of `LIBRARIES`."""
    trace, found = error.__traceback__, "nowhere"
    while trace is not None:
        place = PurePath(trace.tb_frame.f_code.co_filename)
        if found == "nowhere" or LIBRARIES.isdisjoint(place.parts):
            found = f"{place.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def shown(value: Any) -> str:
    """Return a value as a message shows it, in YAML's words and not too long."""
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
