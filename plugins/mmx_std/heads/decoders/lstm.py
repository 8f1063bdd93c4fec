"""A recurrent decoder that is shown its input once (Vinyals et al., 2015, section 3.1).

Shape legend: B batch, N hypotheses, T words, D width of the features, E width of a word, H of the state, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features
from mmx_std.heads.decoders.search import State, Written, search
from mmx_std.ops import ports

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Lstm(nn.Module):
    """Writes a text about pooled features: x_-1 = W_i f, x_t = W_e S_t, p_{t+1} = softmax(W_o LSTM(x_t)).

    Output, with the true text as input: `logits` (B, T, V), T words after the start.

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).
        reads: Features that it writes about.
        caption: Encoder of the true texts, `std/token-ids`.
        width: Width of the state.
        embedding: Width of the word vectors.
        shown: `once`, before the first word, or `every` step, added to the word.
        dropout: Share of the LSTM's inputs and outputs dropped while training.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        built: Mapping[str, Any],
        reads: str = "fused.image",
        caption: str = "caption",
        width: Positive = 512,
        embedding: Positive = 512,
        shown: Literal["once", "every"] = "once",
        dropout: Share = 0.0,
    ) -> None:
        super().__init__()
        self.reads, self.caption = ports.qualify(reads, "fused"), f"encoded.{caption}"
        self.needs = (self.reads, self.caption)
        texts = built[f"encoders.{caption}"]
        self.longest = int(texts.longest)
        self.table = nn.Embedding(int(texts.vocabulary), embedding)
        self.image = nn.Linear(ports.width(dims, self.reads), embedding, bias=False)
        self.rnn = nn.LSTM(embedding, width, batch_first=True)
        self.output = nn.Linear(width, int(texts.vocabulary))
        self.dropout = nn.Dropout(dropout)
        self.shown = shown

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits of each next word, given the true words before it."""
        before_BT = ports.pick(fused, self.caption).layers["ids"][:, :-1]
        image_B1E = self.image(ports.pick(fused, self.reads).pooled_BD)[:, None]
        words_BTE = self.table(before_BT)
        if self.shown == "every":
            words_BTE = words_BTE + image_B1E
        states_BTH, _ = self.rnn(self.dropout(torch.cat([image_B1E, words_BTE], 1)))
        return {"logits": self.output(self.dropout(states_BTH[:, 1:]))}

    @torch.no_grad()
    def generate(self, fused: Mapping[str, Features], *, beam: int = 1, length_penalty: float = 1.0) -> Written:
        """Return a text for each item, see `search`."""
        image_BE = self.image(ports.pick(fused, self.reads).pooled_BD)
        _, (h_1BH, c_1BH) = self.rnn(image_BE[:, None])
        state = {"h": h_1BH[0], "c": c_1BH[0], "image": image_BE}
        return search(self._step, state, tokens=self.longest - 1, beam=beam, length_penalty=length_penalty)

    def _step(self, word_N: Tensor, state: State) -> tuple[Tensor, State, None]:
        word_NE = self.table(word_N) + (state["image"] if self.shown == "every" else 0)
        states_N1H, (h_1NH, c_1NH) = self.rnn(word_NE[:, None], (state["h"][None], state["c"][None]))
        return self.output(states_N1H[:, 0]), {**state, "h": h_1NH[0], "c": c_1NH[0]}, None
