"""Encoding of a split: contextual frames of every video, also under controls, and all queries.

Shape legend: M videos, N queries, T frames, W width, R numbers of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """Ports and encoders of a task.

    Attributes:
        clips: Contextual frames.
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
    """Contextual frames: `clips_MTW` and which are real."""

    clips_MTW: Tensor
    mask_MT: Tensor


@dataclass(frozen=True)
class Read:
    """An encoded split.

    Attributes:
        ids: Samples that could be read, M.
        videos: Variant -> contextual frames; "own" is the trained model, "untrained" the network before training.
        queries: "own" and "untrained" -> query vectors (N, W).
        query_rows_NR: Rows of the queries, times and tokens.
        owner_N: Video of each query.
        times: Of each query, start and end (A, 2) in seconds by each annotator.
    """

    ids: Sequence[str]
    videos: Mapping[str, Videos]
    queries: Mapping[str, Tensor]
    query_rows_NR: Tensor
    owner_N: NDArrayInt
    times: Sequence[NDArray[np.float64]]


NDArrayInt = Any


def no_subtitles(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch without any subtitle."""
    return rows.with_rows(batch, fuser.subtitles, torch.zeros_like(rows.rows_of(batch, fuser.subtitles)))


def no_video(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch with frame features of zero; the number of frames stays."""
    return _with_frames(batch, fuser.frames, torch.zeros_like)


def shuffled_subtitles(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch with the times of the subtitles exchanged within each video."""
    rows_BSR = rows.rows_of(batch, fuser.subtitles)
    spans_BS2 = exchanged(rows_BSR[..., : rows.COUNT], rows_BSR[..., rows.COUNT] > 0)
    return rows.with_rows(batch, fuser.subtitles, torch.cat([spans_BS2, rows_BSR[..., rows.COUNT :]], -1))


def shuffled_frames(batch: Batch, fuser: Hierarchical) -> Batch:
    """Return the batch with frames in a fixed random order; padding stays."""
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
"""Inputs removed or shuffled when the trained model is evaluated: no training is needed."""
ABLATIONS: Final = ("no_video",)
"""Changes that a good model may do as well with, and so no controls: subtitles alone may tell the answer."""


def _with_frames(batch: Batch, name: str, change: Callable[[Tensor], Tensor]) -> Batch:
    features = batch.cached[name]
    tokens: Any = features.tokens_BTD
    changed = Features(features.pooled_BD, change(tokens), features.mask_BT)
    return replace(batch, cached={**batch.cached, name: changed})


def fuser_of(model: Model) -> Hierarchical:
    """Return the fuser.

    Raises:
        DataError: It is another one; HERO's tasks need its outputs.
    """
    if not isinstance(model.fuser, Hierarchical):
        raise DataError("HERO's tasks need the fuser hero/hierarchical")
    return model.fuser


def encoded(model: Model, batch: Batch) -> Batch:
    """Return the batch with its frame features computed, shared by all variants."""
    fuser = fuser_of(model)
    if fuser.frames in batch.cached:
        return batch
    return replace(batch, cached={**batch.cached, fuser.frames: model.encode(fuser.frames, batch)})


def frames_of(model: Model, samples: Sequence[Sample], run: Run) -> Mapping[str, NDArray[np.float64]]:
    """Return the features of each sample's frames (T, D), by its id; nothing where their encoder learns."""
    fuser = fuser_of(model)
    found: dict[str, NDArray[np.float64]] = {}
    for raw in run.batches(model, samples, [fuser.frames], BATCH) if fuser.frames in model.frozen else ():
        with torch.inference_mode():
            batch = encoded(model, raw)
        tokens: Any = batch.cached[fuser.frames].tokens_BTD
        mask_BT = rows.frame_mask(batch, fuser.frames)
        found |= {
            name: x_TD[mask_T].double().cpu().numpy()
            for name, x_TD, mask_T in zip(batch.ids, tokens, mask_BT, strict=True)
        }
    return found


Variants = Mapping[str, tuple["Model", Batch]]
"""Variant -> the model that is judged and its batch."""


def variants(
    model: Model,
    untrained: Model,
    samples: Sequence[Sample],
    texts: str,
    run: Run,
    changes: Mapping[str, Change],
    label: str,
) -> Iterator[tuple[Batch, Variants]]:
    """Yield batches with the variants to judge: `own`, `untrained`, and the trained model on each changed batch.

    Args:
        model: The trained model.
        untrained: The same network before training.
        samples: Of the split.
        texts: Encoder of the queries, questions or captions.
        run: Makes the batches and leaves out what cannot be read.
        changes: Controls by name.
        label: Shown as progress.
    """
    fuser = fuser_of(model)
    same = fuser.frames in model.frozen  # a frozen encoder is the same before and after training
    batches = run.batches(model, samples, [fuser.frames, fuser.subtitles, texts], BATCH)
    for raw in run.track(batches, label, ceil(len(samples) / BATCH)):
        with torch.inference_mode():
            batch = encoded(model, raw)
            found = {"own": (model, batch), "untrained": (untrained, batch if same else encoded(untrained, raw))}
            found |= {name: (model, change(batch, fuser)) for name, change in changes.items()}
        yield batch, found


def read(
    model: Model, untrained: Model, samples: Sequence[Sample], names: Names, run: Run, changes: Mapping[str, Change]
) -> Read:
    """Encode a split with the trained model, its variants and the untrained model.

    Raises:
        DataError: No sample can be read, or none has a query.
    """
    ids: list[str] = []
    parts: dict[str, list[Features]] = {name: [] for name in ("own", "untrained", *changes)}
    query_rows: list[Tensor] = []
    vectors: dict[str, list[Tensor]] = {"own": [], "untrained": []}
    port, wanted = [f"fused.{names.clips}"], [f"fused.{names.query}"]
    for batch, judged in variants(model, untrained, samples, names.queries, run, changes, "encoding"):
        with torch.inference_mode():
            for name, (who, changed) in judged.items():
                parts[name].append(who(changed, port).fused[names.clips].map(lambda x: x.cpu()))
            for name, who in (("own", model), ("untrained", untrained)):
                query = who(batch, wanted).fused[names.query]
                tokens: Any = query.tokens_BTD
                vectors[name].append(tokens.cpu())
        query_rows.append(rows.rows_of(batch, names.queries).cpu())
        ids += batch.ids
    if not ids:
        raise DataError("no sample of the split can be read")
    query_rows_MKR = torch.cat(query_rows)
    real_MK = query_rows_MKR[..., rows.COUNT] > 0
    if not bool(real_MK.any()):
        raise DataError(f"no sample of the split has a query (field of encoder {names.queries!r})")
    owner_MK = torch.arange(len(ids))[:, None].expand_as(real_MK)
    return Read(
        ids,
        {name: Videos(*_joined(found)) for name, found in parts.items()},
        {name: torch.cat(found)[real_MK] for name, found in vectors.items()},
        query_rows_MKR[real_MK],
        owner_MK[real_MK].numpy(),
        list(query_rows_MKR[real_MK][:, None, : rows.COUNT].double().numpy()),
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
