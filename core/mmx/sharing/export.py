"""Export of a run: a folder in the layout of the Hugging Face hub, with nothing in it of the machine it comes from.

README.md           the card, with the front matter that the hub reads
config.json         what the model reads and returns
config.yaml         the experiment; `mmx.load` and `mmx predict` build the model from it
meaning.json        fields and class names (and meaning.safetensors: vocabularies)
model.safetensors   the weights
report.json         the numbers
model.onnx          where asked for
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from mmx.config.experiment import Part
from mmx.config.saved import marked, read_saved
from mmx.config.yaml_positions import dump
from mmx.errors import DataError, UserError
from mmx.model.build import build_to_predict
from mmx.runs.caveats import caveats
from mmx.runs.history import read_report
from mmx.runs.prediction import open_run
from mmx.sharing import card, onnx_file
from mmx.support import run_files
from mmx.support.files import write_json, write_text
from mmx.support.redact import redact_tree
from mmx.training import checkpoint

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.model.built import Built

ONNX: Final = "model.onnx"
_FOR_TRAINING: Final = ("corpus", "stages")
"""Sections of an experiment that nothing is built from when a run is used."""
_PRIVATE: Final = ("settings", "tracking")
_TOLD: Final = ("experiment", "preset", "seed", "verdict", "items", "params", "metrics", "git_commit")
"""What of a report says nothing about a machine."""


def export(catalog: Catalog, run: Path, target: Path, *, onnx: bool = False, small: bool = False) -> Sequence[Path]:
    """Write a run as a folder to share and return its files.

    Args:
        catalog: Whose plugins hold the parts of the model.
        run: The run folder.
        target: The folder to write; it must be empty or not there.
        onnx: Write the model as ONNX too.
        small: Write matrices in 16 bits, and leave out frozen parts whose weights have a name.

    Raises:
        UserError: There is something in `target`, or a part of the model is read from a place on this machine.
        DataError: The run cannot be read.
        PortError: A part of the model cannot be written as ONNX.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(
            f"{target} is there already, and nothing is overwritten; give an empty or a new folder: --to DIR"
        )
    if not (run / run_files.MEANING).is_file():
        raise DataError(f"{run} has no {run_files.MEANING}: a version of mmx that left names to the data wrote it")
    config = portable(read_saved(run / run_files.CONFIG, str(run / run_files.CONFIG)).plain())
    built = open_run(catalog, run)
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.absolute().parent))
    try:
        left = _write_weights(partial / checkpoint.WEIGHTS, catalog, run, built, small)
        ports = onnx_file.write(built, partial / ONNX) if onnx else None
        facts = card.facts(built, ports, rounded=small, left=left)
        _fill(partial, catalog, run, built, config, target.absolute().name, facts)
        partial.chmod(0o755)  # as a folder that is made; a temporary one is for its owner alone
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sorted(target.iterdir())


def _write_weights(path: Path, catalog: Catalog, run: Path, built: Built, small: bool) -> Sequence[str]:
    """Write the weights and return the encoders that are left out: building them again reads the same weights."""
    if not small:
        shutil.copyfile(checkpoint.folder_of(run) / checkpoint.WEIGHTS, path)
        return ()
    tensors = checkpoint.distinct(built.model)
    named = [
        f"encoders.{name}"
        for name, part in built.experiment.encoders.items()
        if part.freeze and any(value.startswith("asset:") for _, value in _texts(part.params))
    ]
    left: list[str] = []
    if named and built.meaning is not None:
        new = build_to_predict(built.experiment, catalog.plugins.registry, built.meaning).model.state_dict()
        left = [
            each
            for each in named
            if all(torch.equal(new[key], value) for key, value in tensors.items() if key.startswith(f"{each}."))
        ]
    kept = {key: value for key, value in tensors.items() if not key.startswith(tuple(f"{each}." for each in left))}
    checkpoint.write_weights(path, {key: _half(value) for key, value in kept.items()}, left)
    path.chmod(0o644)  # as the files beside it: runs are for their owner alone, this is to be shared
    return left


def _half(tensor: Tensor) -> Tensor:
    """Return a matrix in 16 bits; vectors, such as variances close to 0, and what overflows stay as they are."""
    rounded = tensor.half() if tensor.dtype == torch.float32 and tensor.dim() > 1 else tensor
    return rounded if bool(torch.isfinite(rounded).all()) else tensor


def _fill(
    folder: Path,
    catalog: Catalog,
    run: Path,
    built: Built,
    config: Mapping[str, Any],
    name: str,
    facts: Mapping[str, Any],
) -> None:
    for file in (run_files.MEANING, run_files.MEANING_STATE):
        if (run / file).is_file():
            shutil.copyfile(run / file, folder / file)
    write_text(folder / run_files.CONFIG, marked(dump(config)), verbatim=True)
    report = {key: redact_tree(value) for key, value in read_report(run).items() if key in _TOLD}
    if report:
        write_json(folder / run_files.REPORT, report, indent=2)
    write_json(folder / "config.json", facts, indent=2)
    plugins = {record.name: record.card for record in catalog.plugins.records}
    warned = caveats(catalog.plugins, built.experiment)
    write_text(folder / "README.md", card.text(name, built, facts, report, plugins, warned), verbatim=True)


def portable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a saved experiment without anything of the machine: data keeps the names of its files, not their places.

    Raises:
        UserError: A part that the model is built from is read from a place on this machine.
    """
    found = {key: value for key, value in config.items() if key not in _PRIVATE}
    if isinstance(config.get("settings"), Mapping):
        found["settings"] = {key: config["settings"][key] for key in ("seed",) if key in config["settings"]}
    for key in _FOR_TRAINING:
        if key in found:
            found[key] = _named(found[key])
    kept = {key: value for key, value in found.items() if key not in _FOR_TRAINING}
    wrong = [f"{place} ({value})" for place, value in _places(kept)]
    if wrong:
        told = "which nobody else has; train with weights that have a name (asset:NAME, a hub id), or without"
        raise UserError("\n".join(f"{each}: is a place on this machine, {told}" for each in wrong))
    return dict(redact_tree(found))


def _places(value: Any) -> Iterator[tuple[str, str]]:
    """Yield dotted path and text of whatever is a place on a machine."""
    yield from ((path, text) for path, text in _texts(value) if _is_place(text))


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted path and value of every text of an experiment, parts inside parts too."""
    if isinstance(value, Part):
        yield from _texts(value.params, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}")
    elif isinstance(value, str):
        yield path, value


def _named(value: Any) -> Any:
    """Return a tree whose places on a machine are file names."""
    if isinstance(value, Mapping):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_named(item) for item in value]
    if isinstance(value, str) and _is_place(value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1] or "data"
    return value


def _is_place(text: str) -> bool:
    """Return whether a text is a place on this machine: absolute, in a home folder, or relative and there."""
    if text.startswith(("~", "file:", "./", "../")):
        return True
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return True
    return ("/" in text or os.sep in text) and len(text) < 1000 and "\n" not in text and Path(text).exists()
