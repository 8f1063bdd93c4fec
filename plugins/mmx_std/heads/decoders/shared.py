"""A decoder without weights of its own: the fuser `std/cross-attention` in its writing mode.

Shape legend: B batch, N hypotheses, T words, P places that are attended to, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std.heads.decoders.search import NEVER, State, Written, sample, search
from mmx_std.ops import ports

__all__ = ["SharedDecoder", "shared_fuser"]


class SharedDecoder(nn.Module):
    """Writes with the weights of the fuser: words, cross-attention and feed-forward are those that read.

    Output, with the true text as input: `logits` (B, T, V), T words after the start.

    Args:
        built: Parts that are built already (filled in).
        reads: What it writes about: an encoder's places, or the states of `fused.joint` (an answer to a question).
        caption: Encoder of the true texts, `std/token-ids`.
    """

    def __init__(self, *, built: Mapping[str, Any], reads: str = "encoded.image", caption: str = "caption") -> None:
        super().__init__()
        self.reads, self.caption = ports.qualify(reads, "fused"), f"encoded.{caption}"
        self.needs = (self.reads, self.caption)
        self._fuser = (shared_fuser(built),)
        self.longest = int(built[f"encoders.{caption}"].longest)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits of each next word, given the true words before it."""
        before_BT = ports.pick(fused, self.caption).layers["ids"][:, :-1]
        return {"logits": self._fuser[0].written(before_BT, *self._read(fused))}

    @torch.no_grad()
    def generate(
        self,
        fused: Mapping[str, Features],
        *,
        beam: int = 1,
        length_penalty: float = 1.0,
        generator: torch.Generator | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Written:
        """Return a text for each item, see `search`; with a generator it is drawn, see `sample`."""
        states_BPD, mask_BP = self._read(fused)
        state: dict[str, Tensor] = {"places": states_BPD}
        if mask_BP is not None:
            state["mask"] = mask_BP
        inner = self._fuser[0].transformer
        state["words"] = torch.zeros(len(states_BPD), 0, dtype=torch.int64, device=states_BPD.device)
        never, limit = (*NEVER, inner.encode_id, inner.write_id), self.longest - 1
        if generator is not None:
            return sample(self._step, state, tokens=limit, generator=generator, top_k=top_k, top_p=top_p, never=never)
        return search(self._step, state, tokens=limit, beam=beam, length_penalty=length_penalty, never=never)

    def _step(self, word_N: Tensor, state: State) -> tuple[Tensor, State, None]:
        """Return the logits after one more word: texts are short, so all of their words go through again."""
        words_NT = torch.cat([state["words"], word_N[:, None]], 1)
        inner = self._fuser[0].transformer
        states_NTD = inner(words_NT, "write", state["places"], state.get("mask"))
        return inner.predict(states_NTD[:, -1:])[:, 0], {**state, "words": words_NT}, None

    def _read(self, fused: Mapping[str, Features]) -> tuple[Tensor, Tensor | None]:
        found = ports.pick(fused, self.reads)
        if self.reads.startswith("encoded."):
            states: tuple[Tensor, Tensor | None] = self._fuser[0].states(found)
            return states
        if found.tokens_BTD is None:
            raise PortError(f"{self.reads} has one vector for each sample, and no tokens to attend to")
        return found.tokens_BTD, found.mask_BT


def shared_fuser(built: Mapping[str, Any]) -> Any:
    """Return the fuser, whose weights a head uses without holding them.

    Raises:
        PortError: It is another one.
    """
    fuser = built.get("fuser")
    if not hasattr(fuser, "transformer") or not hasattr(fuser, "written"):
        raise PortError("this head uses the weights of the fuser std/cross-attention; the fuser is another one")
    return fuser
