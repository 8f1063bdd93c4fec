"""Questions to a dual encoder: vectors of a user's own values, and what to compare them with.

A question has one side as the query and several candidates of the other: a file and some texts, a text and the files of
a folder, a file and the files of a folder. Shapes: N values, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from mmx import (
    MEDIA_SUFFIXES,
    DataError,
    Model,
    Prediction,
    Sample,
    UserError,
    did_you_mean,
    read_audio,
    read_image,
    read_video,
)
from mmx_std.ops.ports import read, short

__all__ = [
    "Candidates",
    "behind",
    "embed",
    "field_of",
    "fields_of",
    "in_folder",
    "modality_of",
    "ranked",
    "ranking",
    "read_question",
]

BATCH: Final = 32
_READERS: Final[Mapping[str, Callable[[Path], Any]]] = {"audio": read_audio, "image": read_image, "video": read_video}
_FILLS: Final[Mapping[str, Sequence[str]]] = {"audio": ("audio", "video"), "image": ("image",), "video": ("video",)}
"""Modality -> kinds of files that it can be read from."""
_EXTRAS: Final = ("texts", "query", "in")


@dataclass(frozen=True)
class Candidates:
    """What is chosen from.

    Attributes:
        names: What each is called in the answer.
        values: Raw values, or paths of files that are read when their turn comes.
        modality: Of the values.
    """

    names: Sequence[str]
    values: Sequence[Any]
    modality: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def texts(self) -> list[str]:
        """The values that are texts, whose unknown words `mmx predict` tells."""
        return [value for value in self.values if isinstance(value, str)]


def behind(model: Model, port: str) -> Sequence[str]:
    """Return the encoders that a port is made from."""
    return model.behind(short(port)) if port.startswith("fused.") else [short(port)]


def fields_of(model: Model, port: str) -> list[str]:
    """Return the fields of a sample that a port is made from."""
    return list(dict.fromkeys(model.fields[name] for name in behind(model, port)))


def field_of(model: Model, port: str) -> str:
    """Return the field of a sample that a port is made from (the first, where there are several)."""
    return fields_of(model, port)[0]


def modality_of(model: Model, port: str) -> str:
    """Return the modality that a port is made from."""
    return str(model.encoders[behind(model, port)[0]].modality)


def embed(model: Model, port: str, values: Sequence[Any], *, normalise: bool = True) -> Tensor:
    """Return the model's vectors for raw values, float64 on the CPU (N, D).

    Args:
        model: In evaluation mode afterwards.
        port: Where the vectors are read.
        values: Raw values of the port's field. Where it is made from several texts, one text with all of them,
            separated by `|`; those that it does not reach are empty.
        normalise: Scale the vectors to length 1.
    """
    model.eval()
    fields, encoders = fields_of(model, port), model.plan((port,)).encoders
    rows = []
    for first in range(0, len(values), BATCH):
        chosen = values[first : first + BATCH]
        samples = [Sample(str(i), _parts(value, fields)) for i, value in enumerate(chosen)]
        with torch.inference_mode():
            outputs = model(model.prepare(samples, encoders).to(model.device), (port,))
        rows.append(read(outputs, port).double().cpu())
    vectors_ND = torch.cat(rows)
    return torch.nn.functional.normalize(vectors_ND, dim=1) if normalise else vectors_ND


def _parts(value: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Return field -> raw value: one value for one field, the parts of a text for several."""
    if len(fields) == 1 or not isinstance(value, str):
        return {fields[0]: value}
    parts = [part.strip() for part in value.split("|", len(fields) - 1)]
    return dict(zip(fields, parts + [""] * len(fields), strict=False))


def read_question(model: Model, ports: Sequence[str], path: Path, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return field -> raw value, or `Candidates`, for what was asked on the command line.

    Args:
        model: The model.
        ports: The two sides that it compares.
        path: A file, or a folder to search: for files of the first of the sides that it has any of.
        extras: `texts` (separated by semicolons) to rank for a file, `query` (a text) for a folder, `in` (a folder) to
            search for a file; a field's own name stands for `texts` or `query`.

    Raises:
        DataError: A file cannot be read, or is nothing that the model encodes.
        UserError: A folder without a query, or an extra that is unknown.
    """
    fields = {field_of(model, port): port for port in ports}
    for name in extras:
        if name not in (*_EXTRAS, *fields):
            raise UserError(f"nothing to do with {name!r}{did_you_mean(name, (*_EXTRAS, *fields))}")
    text = next((field for field, port in fields.items() if modality_of(model, port) == "text"), None)
    given = {name: str(value) for name, value in extras.items()}
    told = next((given[name] for name in ("texts", "query", str(text)) if name in given), None)
    if told is not None and text is None:
        raise UserError(f"this model encodes no text; it compares {' and '.join(fields)}")
    if path.is_dir():
        if told is None or text is None:
            raise UserError(f'{path} is a folder: what to look for in it? add --query "TEXT"')
        others = {field: modality_of(model, port) for field, port in fields.items() if field != text}
        other = next((field for field, modality in others.items() if _files(path, modality)), next(iter(others)))
        return {text: told, other: in_folder(path, others[other])}
    field = _filled(path, {name: modality_of(model, port) for name, port in fields.items()})
    raw: dict[str, Any] = {field: _value(path, modality_of(model, fields[field]))}
    if "in" in given:
        other = next(name for name in fields if name != field)
        raw[other] = in_folder(Path(given["in"]), modality_of(model, fields[other]))
    elif told is not None and text is not None and text != field:
        texts = [each.strip() for each in told.split(";") if each.strip()]
        raw[text] = Candidates(texts, texts, "text")
    return raw


def ranking(model: Model, query: tuple[str, Any], others: tuple[str, Any], *, normalise: bool = True) -> Prediction:
    """Rank candidates by their similarity to a query.

    Args:
        model: The model.
        query: Port and raw value.
        others: Port and `Candidates`, or a list of raw values.
        normalise: Compare by cosine; else by dot product.

    Raises:
        DataError: None of the candidates can be read.
    """
    return ranked(model, embed(model, query[0], [query[1]], normalise=normalise)[0], others, normalise=normalise)


def ranked(model: Model, vector_D: Tensor, others: tuple[str, Any], *, normalise: bool = True) -> Prediction:
    """Rank candidates by their similarity to a vector.

    Args:
        model: The model.
        vector_D: float64, on the CPU.
        others: Port and `Candidates`, or a list of raw values.
        normalise: Scale the candidates' vectors to length 1.

    Raises:
        DataError: None of the candidates can be read.
    """
    found = others[1] if isinstance(others[1], Candidates) else _named(others[1], modality_of(model, others[0]))
    if not len(found):
        raise DataError("there is nothing to choose from")
    scored: list[tuple[float, str]] = []
    skipped: list[tuple[str, str]] = []
    for first in range(0, len(found), BATCH):
        names, values = _readable(found, range(first, min(first + BATCH, len(found))), skipped)
        if values:
            scores_N = embed(model, others[0], values, normalise=normalise) @ vector_D
            scored += zip(scores_N.tolist(), names, strict=True)
    if not scored:
        raise DataError(f"none of {len(found)} candidates can be read; the first: {skipped[0][1]}")
    field = field_of(model, others[0])
    rows = [
        {"rank": rank, field: name, "similarity": score}
        for rank, (score, name) in enumerate(sorted(scored, key=lambda pair: -pair[0]), 1)
    ]
    notes = [f"left out: {fault}" for _, fault in skipped]
    return Prediction(rows, notes=notes, searched=len(found), unread=[name for name, _ in skipped])


def _named(values: Sequence[Any], modality: str) -> Candidates:
    names = [value if isinstance(value, str) else f"item {number}" for number, value in enumerate(values, 1)]
    return Candidates(names, values, modality)


def _readable(found: Candidates, indices: range, skipped: list[tuple[str, str]]) -> tuple[list[str], list[Any]]:
    """Return names and raw values of some candidates; what cannot be read is added to `skipped`, with why."""
    names, values = [], []
    for index in indices:
        value = found.values[index]
        try:
            values.append(_value(value, found.modality) if isinstance(value, Path) else value)
        except DataError as error:
            skipped.append((found.names[index], str(error)))
            continue
        names.append(found.names[index])
    return names, values


def _suffixes(modality: str) -> set[str]:
    return {suffix for kind in _FILLS.get(modality, (modality,)) for suffix in MEDIA_SUFFIXES.get(kind, ())}


def _files(folder: Path, modality: str) -> list[Path]:
    suffixes = _suffixes(modality)
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


def in_folder(folder: Path, modality: str) -> Candidates:
    """Return the files below a folder that hold a modality, or the lines of a text file.

    Raises:
        DataError: There is no such folder, or no such file in it.
    """
    if modality == "text" and folder.is_file():
        lines = [line.strip() for line in _value(folder, "text").splitlines() if line.strip()]
        return Candidates(lines, lines, "text")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    paths = _files(folder, modality)
    if not paths:
        raise DataError(f"{folder}: no files of {modality} in it; looked for {', '.join(sorted(_suffixes(modality)))}")
    return Candidates([path.relative_to(folder).as_posix() for path in paths], paths, modality)


def _filled(path: Path, modalities: Mapping[str, str]) -> str:
    """Return the field that a file fills.

    Raises:
        DataError: It fills none.
    """
    suffix = path.suffix.lower()
    kinds = [kind for kind, suffixes in MEDIA_SUFFIXES.items() if suffix in suffixes] or ["text"]
    for field, modality in modalities.items():
        if kinds[0] in _FILLS.get(modality, (modality,)):
            return field
    listed = " and ".join(f"{field} ({modality})" for field, modality in modalities.items())
    raise DataError(f"{path}: holds {kinds[0]}, but the model compares {listed}")


def _value(path: Path, modality: str) -> Any:
    if modality in _READERS:
        return _READERS[modality](path)
    try:
        return path.read_text("utf-8") if path.is_file() else str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
