"""Letting a model read a split: frames in context for every video, also with something taken away, and all queries.

Shape legend: M videos, N queries, T frames, W width, R numbers of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmx import Batch, DataError, Features, Sample
from mmx_hero.model import rows
from mmx_hero.model.alignment import exchanged
from mmx_hero.model.hierarchical import Hierarchical

if TYPE_CHECKING:
    from mmx import Model, Run

BATCH: Final = 32
Change = Callable[[Batch, Hierarchical], Batch]


@dataclass(frozen=True)
class Names:
    """Ports and encoders that a task reads.

    Attributes:
        clips: Frames in context.
        query: Queries.
        frames: Encoder of the frames.
        subtitles: Encoder of the subtitles.
        queries: Encoder of the queries.
    """

    clips: str = "clips"
    query: str = "query"
    frames: str = "frames"
    subtitles: str = "subtitles"
    queries: str = "queries"


@dataclass(frozen=True)
class Videos:
    """Frames in context: `clips_MTW` and which are real."""

    clips_MTW: Tensor
    mask_MT: Tensor


@dataclass(frozen=True)
class Read:
    """A split as models read it.

    Attributes:
        ids: Samples that could be read, M.
        videos: Variant -> frames in context; "own" is the model as it is, "untrained" the untrained one.
        queries: "own" and "untrained" -> query vectors (N, W).
        asked: Rows of the queries (N, R), times and tokens.
        owner_N: Video of each query.
        times: Of each query, start and end (A, 2) in seconds as each of its annotators gave them.
    """

    ids: Sequence[str]
    videos: Mapping[str, Videos]
    queries: Mapping[str, Tensor]
    asked_NR: Tensor
    owner_N: NDArrayInt
    times: Sequence[NDArray[np.float64]]


NDArrayInt = Any


def no_subtitles(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch as if nobody had said anything."""
    return rows.with_rows(batch, fuser.subtitles, torch.zeros_like(rows.rows_of(batch, fuser.subtitles)))


def no_video(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch with frames that show nothing; how many there are is still known."""
    return _with_frames(batch, fuser.frames, torch.zeros_like)


def shuffled_subtitles(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch with the times of the subtitles exchanged within each video."""
    rows_BSR = rows.rows_of(batch, fuser.subtitles)
    spans_BS2 = exchanged(rows_BSR[..., : rows.COUNT], rows_BSR[..., rows.COUNT] > 0)
    return rows.with_rows(batch, fuser.subtitles, torch.cat([spans_BS2, rows_BSR[..., rows.COUNT :]], -1))


def shuffled_frames(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch with frames in another order (always the same), padding left where it is."""
    features = batch.cached[fuser.frames]
    mask_BT = rows.frame_mask(batch, fuser.frames)
    keys_T = torch.rand(mask_BT.shape[1], generator=torch.Generator().manual_seed(0)).to(mask_BT.device)
    places_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    order_BT = torch.where(mask_BT, keys_T, 1.0 + places_T).argsort(1)
    tokens: Any = features.tokens_BTD
    return _with_frames(batch, fuser.frames, lambda _: tokens.gather(1, order_BT[..., None].expand_as(tokens)))


CHANGES: Final[Mapping[str, Change]] = {
    "no_subtitles": no_subtitles,
    "no_video": no_video,
    "shuffled_subtitles": shuffled_subtitles,
    "shuffled_frames": shuffled_frames,
}
"""Controls that need no training: what is taken away when the trained model is judged."""


def _with_frames(batch: Batch, name: str, change: Callable[[Tensor], Tensor]) -> Batch:
    features = batch.cached[name]
    tokens: Any = features.tokens_BTD
    changed = Features(features.pooled_BD, change(tokens), features.mask_BT)
    return replace(batch, cached={**batch.cached, name: changed})


def fuser_of(model: Model) -> Hierarchical:
    """Return the fuser.

    Raises:
        DataError: It is another one: HERO's tasks read its parts.
    """
    if not isinstance(model.fuser, Hierarchical):
        raise DataError("HERO's tasks judge models with the fuser hero/hierarchical")
    return model.fuser


def encoded(model: Model, batch: Batch) -> Batch:
    """Return the batch with the features of its frames computed, so that every variant uses the same."""
    fuser = fuser_of(model)
    if fuser.frames in batch.cached:
        return batch
    return replace(batch, cached={**batch.cached, fuser.frames: model.encode(fuser.frames, batch)})


def read(
    model: Model, floor: Model, samples: Sequence[Sample], names: Names, run: Run, changes: Mapping[str, Change]
) -> Read:
    """Let the model, its variants and the untrained model read a split.

    Raises:
        DataError: No sample can be read, or none has a query.
    """
    fuser = fuser_of(model)
    ids: list[str] = []
    parts: dict[str, list[Features]] = {name: [] for name in ("own", "untrained", *changes)}
    asked: list[Tensor] = []
    vectors: dict[str, list[Tensor]] = {"own": [], "untrained": []}
    port, wanted = [f"fused.{names.clips}"], [f"fused.{names.query}"]
    same = names.frames in model.frozen
    batches = run.batches(model, samples, [names.frames, names.subtitles, names.queries], BATCH)
    for raw in run.track(batches, "reading", ceil(len(samples) / BATCH)):
        with torch.inference_mode():
            batch = encoded(model, raw)
            variants = {"own": (model, batch), "untrained": (floor, batch if same else encoded(floor, raw))}
            variants |= {name: (model, change(batch, fuser)) for name, change in changes.items()}
            for name, (who, seen) in variants.items():
                parts[name].append(who(seen, port).fused[names.clips].map(lambda x: x.cpu()))
            for name, who in (("own", model), ("untrained", floor)):
                query = who(batch, wanted).fused[names.query]
                tokens: Any = query.tokens_BTD
                vectors[name].append(tokens.cpu())
        asked.append(rows.rows_of(batch, names.queries).cpu())
        ids += batch.ids
    if not ids:
        raise DataError("no sample of the split can be read")
    asked_MKR = torch.cat(asked)
    real_MK = asked_MKR[..., rows.COUNT] > 0
    if not bool(real_MK.any()):
        raise DataError(f"no sample of the split has a query (field of encoder {names.queries!r})")
    owner_MK = torch.arange(len(ids))[:, None].expand_as(real_MK)
    return Read(
        ids,
        {name: Videos(*_joined(found)) for name, found in parts.items()},
        {name: torch.cat(found)[real_MK] for name, found in vectors.items()},
        asked_MKR[real_MK],
        owner_MK[real_MK].numpy(),
        list(asked_MKR[real_MK][:, None, : rows.COUNT].double().numpy()),
    )


def _joined(parts: Sequence[Features]) -> tuple[Tensor, Tensor]:
    """Return frames and masks of several batches, padded to the longest."""
    longest = max(part.tokens_BTD.shape[1] for part in parts if part.tokens_BTD is not None)
    tokens, masks = [], []
    for part in parts:
        x: Any = part.tokens_BTD
        mask: Any = part.mask_BT
        more = longest - x.shape[1]
        tokens.append(torch.nn.functional.pad(x, (0, 0, 0, more)))
        masks.append(torch.nn.functional.pad(mask, (0, more)))
    return torch.cat(tokens), torch.cat(masks)


def shares(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean."""
    return float(np.mean(values)) if len(values) else float("nan")
