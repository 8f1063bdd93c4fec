"""Encoding of a split: vectors of each item's video, audio and text, as far as present.

Shapes: N items, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmx import DataError, Sample
from mmx_std import judging, ports
from mmx_std import windows as spans
from mmx_vatt.evaluation.items import during, having, texts

if TYPE_CHECKING:
    from mmx import Model, Run

Floats = NDArray[np.float64]
BATCH = 64


@dataclass(frozen=True)
class Vectors:
    """Vectors by port, a row per item; rows of items that lack the modality or cannot be read are NaN.

    Attributes:
        by_port: Port -> (N, D), as the model gives them, averaged over windows.
    """

    by_port: Mapping[str, Floats]

    def __getitem__(self, port: str) -> Floats:
        return self.by_port[port]

    def known(self, *ports: str) -> NDArray[np.int64]:
        """Return the items that have all of these."""
        return np.flatnonzero(np.all([np.isfinite(self.by_port[port][:, 0]) for port in ports], axis=0))

    def unit(self, port: str, rows: NDArray[np.int64]) -> Floats:
        """Return vectors of length 1 of some items."""
        x_ND = self.by_port[port][rows]
        unit_ND: Floats = x_ND / np.maximum(np.linalg.norm(x_ND, axis=1, keepdims=True), 1e-12)
        return unit_ND


def gather(
    model: Model,
    run: Run,
    samples: Sequence[Sample],
    ports: Sequence[str],
    *,
    seconds: float,
    windows: int = 1,
    text: str | None = None,
    label: str = "judging",
) -> Vectors:
    """Return the vectors of a split.

    Args:
        model: Its encoders are those behind the ports, one per port.
        run: Makes the batches and leaves out what cannot be read.
        samples: N items.
        ports: `fused.NAME`.
        seconds: Length of a window of video or audio.
        windows: Windows per item; their vectors are averaged before they are compared.
        text: Field that texts are taken from instead of the text encoder's own.
        label: Shown as progress.
    """
    model.eval()
    by_encoder: dict[str, list[str]] = {}
    for port in ports:
        by_encoder.setdefault(model.plan([port]).encoders[0], []).append(port)
    found: dict[str, Floats] = {}
    for encoder, own in by_encoder.items():
        is_text = encoder == "text"
        field = text if is_text and text else model.fields[encoder]
        there = having(samples, field)
        if is_text:
            there = [i for i in there if _has_text(samples[i], field, seconds)]
        chosen = judging.Chosen(samples, there)
        items: Sequence[Sample] = (
            texts(chosen, field, model.fields[encoder], seconds)
            if is_text
            else spans.Windows(chosen, field, seconds, windows)
        )
        rows = _rows(model, run, items, encoder, own, label)
        for port in own:
            found[port] = _table(rows[port], there, len(samples), model.widths[port])
    return Vectors(found)


def _has_text(sample: Sample, field: str, seconds: float) -> bool:
    """Return whether a clip has a text; an unreadable one counts, and is reported where it is used."""
    try:
        return during(sample.fields.get(field), seconds) is not None
    except DataError:
        return True


@torch.inference_mode()
def _rows(
    model: Model, run: Run, items: Sequence[Sample], encoder: str, wanted: Sequence[str], label: str
) -> dict[str, dict[int, Any]]:
    """Return port -> number of the item -> sum of its windows' vectors and their count."""
    sums: dict[str, dict[int, Any]] = {port: {} for port in wanted}
    batches = run.batches(model, items, [encoder], BATCH)
    for batch in run.track(batches, f"{label}: {encoder}", -(-len(items) // BATCH)):
        outputs = model(batch, wanted)
        for port in wanted:
            for name, x_D in zip(batch.ids, ports.read(outputs, port).double().cpu().numpy(), strict=True):
                total, count = sums[port].get(int(name), (0.0, 0))
                sums[port][int(name)] = (total + x_D, count + 1)
    return sums


def _table(rows: Mapping[int, Any], there: Sequence[int], count: int, width: int) -> Floats:
    table_ND = np.full((count, width), np.nan)
    for number, (total_D, windows) in rows.items():
        table_ND[there[number]] = total_D / windows
    return table_ND
