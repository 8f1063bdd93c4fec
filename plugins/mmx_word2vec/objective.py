"""Losses of word2vec: words of a window predict each other, by negative sampling or along a binary tree.

Written from the behaviour of the public C code. Shapes: B sentences, T tokens, P predictions, W context words, K noise
words, L levels of the tree, V words, D width.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from mmx import Batch, ConfigError, Corpus, Losses, Outputs
from mmx_std import ports, tokenizers

SATURATED: Final = 6.0
"""Dot products beyond count as certain."""


class WordPrediction(nn.Module):
    """Each word is predicted from the words around it, by its vector in a second table.

    `skip-gram` predicts from every word of the window alone, `cbow` from their mean. Frequent words are dropped with
    probability 1 - min(1, sqrt(s/f) + s/f) before windows are made, and each window's size is drawn from 1..`window`.
    As in the code, the vectors that are read are those of the context, the word that is predicted is the centre.

    Args:
        corpus: Words are counted in its `train` split.
        built: The model; the encoder has the word table.
        words: Encoder that reads the sentences (`std/text-bag`).
        model: What predicts.
        softmax: Against `negative` noise words, or along the `hierarchical` softmax's Huffman tree.
        window: Largest distance.
        fixed: Ablation: every window has the full size.
        negatives: Noise words per prediction, drawn with probability count^`exponent`.
        exponent: Of the noise distribution.
        subsample: Threshold s on a word's share f of all tokens; 0 keeps every word.
        second: Encoder that holds the second table, so that a task can judge it; None: the loss holds it.

    Raises:
        ConfigError: The second table has not the words and width of the first.
    """

    node_VL: Tensor
    sign_VL: Tensor
    count_V: Tensor
    keep_V: Tensor
    noise_V: Tensor

    def __init__(
        self,
        corpus: Corpus,
        built: Mapping[str, Any],
        *,
        words: str = "words",
        model: Literal["skip-gram", "cbow"] = "skip-gram",
        softmax: Literal["negative", "hierarchical"] = "negative",
        window: Annotated[int, Field(ge=1, le=50)] = 5,
        fixed: bool = False,
        negatives: Annotated[int, Field(ge=0, le=100)] = 5,
        exponent: Annotated[float, Field(ge=0, le=2)] = 0.75,
        subsample: Annotated[float, Field(ge=0)] = 1e-3,
        second: str | None = None,
    ) -> None:
        super().__init__()
        encoder = built[f"encoders.{words}"]
        self.words, self.needs = words, (f"encoded.{words}",)
        self.cbow, self.window, self.fixed, self.negatives = model == "cbow", window, fixed, negatives
        count_V = torch.zeros(encoder.table.num_embeddings, dtype=torch.float64)
        for text in tokenizers.corpus_texts(corpus):
            count_V += torch.bincount(encoder.tokenizer.encode(text), minlength=len(count_V))
        count_V[: len(tokenizers.SPECIALS)] = 0
        share_V = count_V / count_V.sum().clamp(min=1)
        keep_V = torch.ones_like(share_V)
        if subsample:
            keep_V = ((share_V / subsample).sqrt() + 1) * subsample / share_V.clamp(min=1e-300)
        noise_V = torch.where(count_V > 0, count_V**exponent, 0.0)
        self.register_buffer("count_V", count_V)
        self.register_buffer("keep_V", torch.where(count_V > 0, keep_V.clamp(max=1), 0.0).float())
        self.register_buffer("noise_V", (noise_V / noise_V.sum().clamp(min=1e-300)).cumsum(0))
        self.tree = softmax == "hierarchical"
        if self.tree:
            for name, table in zip(("node_VL", "sign_VL"), huffman(count_V), strict=True):
                self.register_buffer(name, table)
        size = (len(count_V), encoder.out_dim)
        self.output = nn.Embedding(*size) if second is None else built[f"encoders.{second}"].table
        if tuple(self.output.weight.shape) != size:
            raise ConfigError([f"second: the table of encoders.{second} is not {size[0]} words of {size[1]} numbers"])
        nn.init.zeros_(self.output.weight)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Drop frequent and unknown words, and draw windows and noise words."""
        ids_BT = batch.inputs[self.words]
        device = generator.device
        drawn_BT = torch.rand(ids_BT.shape, generator=generator, device=device)
        kept_BT = drawn_BT < self.keep_V.to(device)[ids_BT]
        order_BT = (~kept_BT).sort(dim=1, stable=True).indices  # what is kept moves up, in order
        ids_BT = torch.where(kept_BT, ids_BT, tokenizers.PAD).gather(1, order_BT)
        high = 1 if self.fixed else self.window
        shrink_BT = torch.randint(high, ids_BT.shape, generator=generator, device=device)
        targets = {**batch.targets, "word2vec radius": self.window - shrink_BT}
        if not self.tree and self.negatives:
            size = (*ids_BT.shape, 2 * self.window, self.negatives)
            uniform = torch.rand(size, generator=generator, device=device, dtype=torch.float64)
            noise = torch.searchsorted(self.noise_V.to(device), uniform, right=True)
            targets["word2vec noise"] = noise.clamp(max=len(self.noise_V) - 1)
        masks = {**batch.masks, self.words: ids_BT != tokenizers.PAD}
        return replace(batch, inputs={**batch.inputs, self.words: ids_BT}, masks=masks, targets=targets)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, the mean over predictions, and how many there are."""
        x_BTD = ports.tokens(outputs, f"encoded.{self.words}")
        ids_BT = batch.inputs[self.words]
        valid_BTW, place_BTW = self._windows(ids_BT, batch.targets["word2vec radius"])
        noise = batch.targets.get("word2vec noise")
        row_B11 = torch.arange(len(ids_BT), device=ids_BT.device)[:, None, None]
        if self.cbow:
            chosen_BT = valid_BTW.any(dim=2)
            around = x_BTD[row_B11, place_BTW] * valid_BTW[..., None]
            total_PD = around.sum(dim=2)[chosen_BT]
            mean_PD = total_PD / valid_BTW.sum(dim=2)[chosen_BT][:, None]
            # The code adds the mean's gradient to every context word undivided: the gradient of their sum.
            x_PD = total_PD + (mean_PD - total_PD).detach()
            noise_PK = None if noise is None else noise[:, :, 0][chosen_BT]
        else:
            chosen_BT = valid_BTW
            x_PD = x_BTD[row_B11.expand_as(place_BTW)[valid_BTW], place_BTW[valid_BTW]]
            noise_PK = None if noise is None else noise[valid_BTW]
        centre_P = (ids_BT if self.cbow else ids_BT[..., None].expand_as(valid_BTW))[chosen_BT]
        count = max(1, len(centre_P))
        each_P = self._along_tree(x_PD, centre_P) if self.tree else self._against(x_PD, centre_P, noise_PK)
        return {"loss": each_P.sum() / count, "predictions": x_PD.new_tensor(float(len(centre_P)))}

    def _windows(self, ids_BT: Tensor, radius_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Return which of the 2 `window` neighbours of each word are in its window, and where they stand (B, T, W)."""
        offsets_W = torch.tensor([d for d in range(-self.window, self.window + 1) if d], device=ids_BT.device)
        place_TW = torch.arange(ids_BT.shape[1], device=ids_BT.device)[:, None] + offsets_W
        inside_TW = (place_TW >= 0) & (place_TW < ids_BT.shape[1])
        place_BTW = place_TW.clamp(0, ids_BT.shape[1] - 1).expand(len(ids_BT), -1, -1)
        real_BT = ids_BT != tokenizers.PAD
        there_BTW = real_BT[torch.arange(len(ids_BT), device=ids_BT.device)[:, None, None], place_BTW]
        near_BTW = offsets_W.abs() <= radius_BT[..., None]
        return inside_TW & there_BTW & near_BTW & real_BT[..., None], place_BTW

    def _against(self, x_PD: Tensor, centre_P: Tensor, noise_PK: Tensor | None) -> Tensor:
        """Return -log sig(x . u_centre) - sum_n log sig(-x . u_n) over noise words n, but the centre itself (P,)."""
        own_P = (x_PD * self.output(centre_P)).sum(dim=1)
        each_P = certain(-own_P)
        if noise_PK is not None:
            scores_PK = torch.einsum("pd,pkd->pk", x_PD, self.output(noise_PK))
            each_P = each_P + torch.where(noise_PK != centre_P[:, None], certain(scores_PK), 0.0).sum(dim=1)
        return each_P

    def _along_tree(self, x_PD: Tensor, centre_P: Tensor) -> Tensor:
        """Return the sum over the inner nodes above a word of -log sig(+-x . u_node) (P,)."""
        signs_PL = self.sign_VL[centre_P]
        scores_PL = torch.einsum("pd,pld->pl", x_PD, self.output(self.node_VL[centre_P]))
        # The code skips what is beyond the range, right or wrong: no gradient
        each_PL = softplus(-signs_PL * scores_PL.clamp(-SATURATED, SATURATED))
        return torch.where(signs_PL != 0, each_PL, 0.0).sum(dim=1)

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of equal vectors, (1 + K) ln 2; None along a tree, whose paths differ in length."""
        return None if self.tree else (1 + self.negatives) * math.log(2)


def certain(x: Tensor) -> Tensor:
    """Return log(1 + exp x) whose slope is 0 below -6 and 1 above 6, as the code's table of the logistic function."""
    return softplus(x.clamp(-SATURATED, SATURATED)) + (x - SATURATED).clamp(min=0)


def huffman(count_V: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nodes above each word from the root, int64 (V, L), and the turns there: 1, -1, or 0 after the word.

    The two rarest nodes are joined until one is left; words that do not occur have no path.
    """
    words = [(float(count), word) for word, count in enumerate(count_V.tolist()) if count > 0]
    above: dict[int, tuple[int, int]] = {}
    heap = list(words)
    heapq.heapify(heap)
    for inner in range(len(count_V), len(count_V) + len(words) - 1):
        (first, one), (second, other) = heapq.heappop(heap), heapq.heappop(heap)
        above[one], above[other] = (inner, 1), (inner, -1)
        heapq.heappush(heap, (first + second, inner))
    paths: list[list[tuple[int, int]]] = [[] for _ in count_V]
    for _, word in words:
        node = word
        while node in above:
            node, turn = above[node]
            paths[word].insert(0, (node - len(count_V), turn))
    longest = max([1, *map(len, paths)])
    nodes = [pad(torch.tensor([n for n, _ in path], dtype=torch.int64), (0, longest - len(path))) for path in paths]
    turns = [pad(torch.tensor([t for _, t in path], dtype=torch.float32), (0, longest - len(path))) for path in paths]
    return torch.stack(nodes), torch.stack(turns)
