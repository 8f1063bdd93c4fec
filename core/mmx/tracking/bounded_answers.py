"""Answers of a tracking server, up to a size: a server that is ill sends anything, and the client reads all of it.

MLflow's client keeps a whole answer in memory, unpacks it, and guesses in which encoding it is: of 100 MB of nonsense
that takes a minute in which no other thread of Python runs, the training's included.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

LARGEST: Final = 8_000_000
"""Bytes of an answer, unpacked. Those that we ask for have some thousand."""

_servers: set[str] = set()


def bound(uri: str) -> None:
    """Bound the answers of the server at `uri`, for the rest of the process; other servers' are left alone."""
    import requests

    _servers.add(_server(uri))
    if getattr(requests.Session.send, "is_bounded", False):
        return
    send = requests.Session.send

    def bounded(self: Any, request: Any, **options: Any) -> Any:
        if _server(request.url) in _servers and _read not in request.hooks["response"]:
            request.register_hook("response", _read)  # is called before anything of the answer is read
        return send(self, request, **options)

    bounded.is_bounded = True  # type: ignore[attr-defined]
    requests.Session.send = bounded  # type: ignore[method-assign]


def _server(uri: str) -> str:
    return urlsplit(uri).netloc.rpartition("@")[2].lower()


def _read(response: Any, *, stream: bool = False, **_options: Any) -> None:
    """Read an answer, and say that it is UTF-8 where it does not say what it is.

    Raises:
        requests.exceptions.ContentDecodingError: It is too large.
    """
    from requests.exceptions import ContentDecodingError

    if stream:
        return
    body = bytearray()
    for part in response.iter_content(65_536):
        body += part
        if len(body) > LARGEST:
            response.close()
            raise ContentDecodingError(f"an answer of more than {LARGEST:,} bytes", response=response)
    response._content = bytes(body)
    response.encoding = response.encoding or "utf-8"
