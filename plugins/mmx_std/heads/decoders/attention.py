"""A recurrent decoder that looks at one place after another (Xu et al., 2015, sections 3.1.2 and 4.2).

Shape legend: B batch, N hypotheses, T words, P places, D width of a place, E width of a word, H of the state,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std.encoders.text.tokenizers import CLS
from mmx_std.heads.decoders.search import State, Written, search
from mmx_std.ops import ports
from mmx_std.ops.masking import masked_mean

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Look = Literal["soft", "uniform"]


class _Places(NamedTuple):
    """What is looked at: places, what the attention compares of them, and which are real."""

    places_NPD: Tensor
    keys_NPD: Tensor
    real_NP: Tensor


class LstmAttention(nn.Module):
    """Writes a text about places of an image (or any tokens), and chooses where to look before every word.

    With the state h of the last step: e_i = v . tanh(W_a a_i + W_h h), alpha = softmax(e), z = beta sum_i alpha_i a_i
    with the gate beta = sigmoid(w_b . h); the LSTM reads the last word (nothing before the first) and z; and
    p = softmax(L_o tanh(E y + L_h h + L_z z)). State and memory start from the mean place through ReLU layers and a
    tanh. Layers are counted as in the public code, whose COCO model has two of each kind.

    Output, with the true text as input: `logits` (B, T, V), `attention` alpha (B, T, P), `gate` beta (B, T).

    Args:
        dims: Widths by port (filled in).
        built: Parts that are built already (filled in).
        reads: Features with tokens, the places.
        caption: Encoder of the true texts, `std/token-ids`.
        width: Width of the state.
        embedding: Width of the word vectors.
        attention: `soft`, or (a control) `uniform`: every place counts the same.
        gate: Learn how much the image counts at each word.
        attention_layers: Linear layers over the places in the attention, with tanh after each further one.
        init_layers: Layers from the mean place to the first state, the last included.
        dropout: Share of units dropped while training: in the first state, and before and after the tanh of the output.
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
        attention: Look = "soft",
        gate: bool = True,
        attention_layers: Positive = 1,
        init_layers: Positive = 1,
        dropout: Share = 0.0,
    ) -> None:
        super().__init__()
        self.reads, self.caption = ports.qualify(reads, "fused"), f"encoded.{caption}"
        self.needs = (self.reads, self.caption)
        texts = built[f"encoders.{caption}"]
        place = ports.width(dims, self.reads)
        self.longest, self.attention = int(texts.longest), attention
        self.table = nn.Embedding(int(texts.vocabulary), embedding, padding_idx=CLS)  # nothing before the first word
        self.first = nn.ModuleList(nn.Linear(place, place) for _ in range(init_layers - 1))
        self.first_state, self.first_memory = nn.Linear(place, width), nn.Linear(place, width)
        if attention == "soft":
            self.keys = nn.ModuleList(nn.Linear(place, place) for _ in range(attention_layers))
            self.query = nn.Linear(width, place, bias=False)
            self.score = nn.Linear(place, 1)
        self.gate = nn.Linear(width, 1) if gate else None
        self.from_word = nn.Linear(embedding, 4 * width)
        self.from_state = nn.Linear(width, 4 * width, bias=False)
        self.from_place = nn.Linear(place, 4 * width, bias=False)
        self.state_out, self.place_out = nn.Linear(width, embedding), nn.Linear(place, embedding)
        self.output = nn.Linear(embedding, int(texts.vocabulary))
        self.dropout = nn.Dropout(dropout)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits of each next word, given the true words before it, and where the model looked."""
        places, h_BH, c_BH = self._begin(fused)
        words_BTE = self.table(ports.pick(fused, self.caption).layers["ids"][:, :-1])
        given_BTG = self.from_word(words_BTE)
        found = []
        for given_BG in given_BTG.unbind(1):
            h_BH, c_BH, z_BD, alpha_BP, beta_B = self._next(given_BG, h_BH, c_BH, places, self.attention)
            found.append((h_BH, z_BD, alpha_BP, beta_B))
        h_BTH, z_BTD, alpha_BTP, beta_BT = (torch.stack(each, 1) for each in zip(*found, strict=True))
        return {"logits": self._said(words_BTE, h_BTH, z_BTD), "attention": alpha_BTP, "gate": beta_BT}

    @torch.no_grad()
    def generate(
        self,
        fused: Mapping[str, Features],
        *,
        beam: int = 1,
        length_penalty: float = 1.0,
        attention: Look | None = None,
    ) -> Written:
        """Return a text for each item, see `search`; `attention` replaces how this head looks."""
        places, h_BH, c_BH = self._begin(fused)
        look = attention or self.attention

        def step(word_N: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
            word_NE = self.table(word_N)
            seen = _Places(state["places"], state["keys"], state["real"])
            h_NH, c_NH, z_ND, alpha_NP, _ = self._next(self.from_word(word_NE), state["h"], state["c"], seen, look)
            return self._said(word_NE, h_NH, z_ND), {**state, "h": h_NH, "c": c_NH}, alpha_NP

        state = {"h": h_BH, "c": c_BH, "places": places.places_NPD, "keys": places.keys_NPD, "real": places.real_NP}
        return search(step, state, tokens=self.longest - 1, beam=beam, length_penalty=length_penalty)

    def _begin(self, fused: Mapping[str, Features]) -> tuple[_Places, Tensor, Tensor]:
        """Return the places, and the state and memory before the first word."""
        found = ports.pick(fused, self.reads)
        places_BPD = found.tokens_BTD
        if places_BPD is None:
            raise PortError(f"{self.reads} has one vector for each sample, and no places to look at")
        real_BP = torch.ones_like(places_BPD[..., 0], dtype=torch.bool) if found.mask_BT is None else found.mask_BT
        keys_BPD = places_BPD
        for number, layer in enumerate(self.keys if self.attention == "soft" else ()):
            keys_BPD = layer(keys_BPD).tanh() if number else layer(keys_BPD)
        mean_BD = masked_mean(places_BPD, real_BP)
        for layer in self.first:
            mean_BD = self.dropout(layer(mean_BD).relu())
        places = _Places(places_BPD, keys_BPD, real_BP)
        return places, self.first_state(mean_BD).tanh(), self.first_memory(mean_BD).tanh()

    def _next(
        self, given_NG: Tensor, h_NH: Tensor, c_NH: Tensor, places: _Places, look: Look
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the next state and memory, what was seen (N, D), where (N, P), and how much it counts (N,)."""
        # A row without a real place (a missing image) looks at all of them and stays finite.
        real_NP = places.real_NP | ~places.real_NP.any(1, keepdim=True)
        if look == "soft":
            e_NP = self.score((places.keys_NPD + self.query(h_NH)[:, None]).tanh())[..., 0]
        else:
            e_NP = torch.zeros_like(real_NP, dtype=h_NH.dtype)
        alpha_NP = e_NP.masked_fill(~real_NP, -torch.inf).softmax(-1)
        z_ND = (alpha_NP[:, None].to(places.places_NPD.dtype) @ places.places_NPD)[:, 0]
        beta_N1 = torch.ones_like(h_NH[:, :1]) if self.gate is None else self.gate(h_NH).sigmoid()
        z_ND = beta_N1 * z_ND
        gates_NG = given_NG + self.from_state(h_NH) + self.from_place(z_ND)
        i_NH, f_NH, o_NH, g_NH = gates_NG.chunk(4, -1)
        c_NH = f_NH.sigmoid() * c_NH + i_NH.sigmoid() * g_NH.tanh()
        return o_NH.sigmoid() * c_NH.tanh(), c_NH, z_ND, alpha_NP, beta_N1[:, 0]

    def _said(self, words: Tensor, states: Tensor, seen: Tensor) -> Tensor:
        """Return logits (..., V) of the next words."""
        mixed = words + self.state_out(self.dropout(states)) + self.place_out(seen)
        logits: Tensor = self.output(self.dropout(mixed.tanh()))
        return logits
