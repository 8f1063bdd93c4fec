"""A head that scores candidates: the model's own fuser reads each of them behind the question.

Shapes: B items, K candidates, N = B K, T tokens of the question, C of a candidate, S = T + C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, ConfigError, Features, PortError
from mmx_std.encoders.text.tokenizers import PAD
from mmx_std.fusers.pooled import JOINT
from mmx_std.ops import ports

__all__ = ["Choice", "joined"]


class Choice(nn.Module):
    """Scores of K candidates, each read as `[CLS] question [SEP] candidate [SEP]` beside the image (VCR, SWAG).

    A linear layer over the fuser's "joint" features. The candidates have no weights of their own: their ids are joined
    to those of the question and go through its encoder. Output (B, K), minus infinity where an item has fewer.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).
        text: Encoder of the question, such as `std/text-transformer`.
        candidates: Encoder of the candidates, `std/token-ids` with `several`; it takes the question's vocabulary.
        dropout: On the joint features.

    Raises:
        ConfigError: There are no such encoders, or their vocabularies differ.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        text: str = "text",
        candidates: str = "candidates",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.text, self.candidates = text, candidates
        reader: Any = built.get(f"encoders.{text}")
        several: Any = built.get(f"encoders.{candidates}")
        fuser: Any = built.get("fuser")
        if reader is None or fuser is None or not getattr(several, "several", False):
            raise ConfigError(
                [f"candidates: needs encoders.{text}, and encoders.{candidates} of std/token-ids, several"]
            )
        if not several.take_words(reader.tokenizer, reader.token.num_embeddings):
            raise ConfigError(
                [f"candidates: encoders.{candidates} has another vocabulary than encoders.{text}: give both the same "
                 "texts and tokenizer"]
            )  # fmt: skip
        requires = getattr(fuser, "requires", None)
        every = [name.split(".")[1] for name in built if name.startswith("encoders.")]
        read = every if requires is None else requires(JOINT)
        self.others = [name for name in read if name not in (text, candidates)]
        self.needs = tuple(f"encoded.{name}" for name in (text, candidates, *self.others))
        self._shared = (reader, fuser)  # in a tuple, so that they are no parts of this head
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(ports.width(dims, f"fused.{JOINT}"), 1)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return the scores.

        Raises:
            PortError: The ids of the question or of the candidates are not there.
        """
        given = ports.pick(fused, f"encoded.{self.candidates}").layers.get("ids")
        asked_BT = batch.inputs.get(self.text)
        if given is None or asked_BT is None:
            raise PortError(f"{self.candidates}: its ids, or those of {self.text}, are not there: freeze neither")
        reader, fuser = self._shared
        count = given.shape[1]
        real_BT = batch.masks.get(self.text, torch.ones_like(asked_BT, dtype=torch.bool))
        if (there_B := batch.present.get(self.text)) is not None:
            real_BT = real_BT & there_B[:, None]
        ids_NS = joined(asked_BT, real_BT, given)
        mask_NS = ids_NS != PAD

        def repeat(x: Tensor) -> Tensor:
            return x.repeat_interleave(count, 0)

        features = {name: ports.pick(fused, f"encoded.{name}").map(repeat) for name in self.others}
        present = {name: repeat(x) for name, x in batch.present.items() if name in self.others}
        ids = [name for name in batch.ids for _ in range(count)]
        every = replace(Batch(ids), inputs={self.text: ids_NS}, masks={self.text: mask_NS}, present=present)
        found = fuser({self.text: reader(ids_NS, mask_NS), **features}, every)[JOINT].pooled_BD
        scores_BK: Tensor = self.score(self.dropout(found)).reshape(-1, count)
        there_BK = (given != PAD).any(-1)
        there_BK = there_BK | ~there_BK.any(-1, keepdim=True)  # where there is nothing to choose all are alike
        return scores_BK.masked_fill(~there_BK, -torch.inf)


def joined(asked_BT: Tensor, real_BT: Tensor, given_BKC: Tensor) -> Tensor:
    """Return the ids of each candidate behind those of its question (N, S), [PAD] after them.

    The candidate's first token, [CLS], is left out, except where the question is missing.

    Args:
        asked_BT: Ids of the questions.
        real_BT: False at padding.
        given_BKC: Ids of the candidates, [PAD] after their ends.
    """
    count, width = given_BKC.shape[1:]
    asked_N1 = real_BT.sum(1).repeat_interleave(count, 0)[:, None]
    first_N1 = (asked_N1 > 0).long()
    places_1S = torch.arange(asked_BT.shape[1] + width, device=asked_BT.device)[None]
    behind_NS = places_1S - asked_N1 + first_N1
    blank_N1 = torch.full_like(asked_N1, PAD)
    rows_NC = torch.cat([given_BKC.flatten(0, 1), blank_N1], 1)
    question_NT = torch.cat([asked_BT.repeat_interleave(count, 0), blank_N1], 1)
    candidate_NS = rows_NC.gather(1, behind_NS.clamp(0, width))
    question_NS = question_NT.gather(1, places_1S.clamp(max=asked_BT.shape[1]).expand_as(behind_NS))
    ids_NS = torch.where(places_1S < asked_N1, question_NS, candidate_NS)
    return ids_NS[:, : int((ids_NS != PAD).sum(1).max().clamp(min=1))]
