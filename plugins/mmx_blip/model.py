"""Heads that use the fuser's weights: answers ranked by how likely they are written, and candidates of a dialogue.

Shape legend: B batch, T words, P places, D width, C answers, K candidates, N pairs, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from mmx import Batch, Features, PortError
from mmx_std import ports, shared_decoders

PAD = 0
"""Id of padding; texts stand between a first token and a last one."""


class Answers(nn.Module):
    """Log-probability of each answer, written by the decoder about the states of a question that has read the image.

    As BLIP ranks answers: the `first` most probable by their first token, then those by all of their tokens; the others
    score minus infinity.

    Args:
        classes: The corpus's class names by target (filled in).
        built: Parts that are built already (filled in).
        reads: States of the question.
        target: Target whose class names are the answers.
        question: Encoder of the question, whose tokenizer splits the answers.
        first: Answers that are looked at in full.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        built: Mapping[str, Any],
        reads: str = "fused.joint",
        target: str = "label",
        question: str = "question",
        first: Annotated[int, Field(ge=1)] = 128,
    ) -> None:
        super().__init__()
        self.reads, self.first = ports.qualify(reads, "fused"), first
        self.needs = (self.reads,)
        self.names = [str(name) for name in ports.class_names(classes, target)]
        self._texts, self._fuser = (built[f"encoders.{question}"],), (shared_decoders.shared_fuser(built),)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return log-probabilities (B, C)."""
        states_BTD, mask_BT = self.states(fused)
        ids_CT = self.ids(states_BTD.device)
        batch_size, count = len(states_BTD), min(self.first, len(ids_CT))
        opening_BV = self._fuser[0].written(ids_CT[:1, :1].expand(batch_size, 1), states_BTD, mask_BT)[:, 0]
        best_BK = opening_BV[:, ids_CT[:, 1]].topk(count, dim=1).indices
        each_N = self.losses(
            states_BTD.repeat_interleave(count, 0), mask_BT.repeat_interleave(count, 0), ids_CT[best_BK.flatten()]
        )
        scores_BC = each_N.new_full((batch_size, len(ids_CT)), -torch.inf)
        return scores_BC.scatter(1, best_BK, -each_N.view(batch_size, count))

    def states(self, fused: Mapping[str, Features]) -> tuple[Tensor, Tensor]:
        """Return the states of the questions (B, T, D), and where they are (B, T).

        Raises:
            PortError: There are no states.
        """
        found = ports.pick(fused, self.reads)
        if found.tokens_BTD is None or found.mask_BT is None:
            raise PortError(f"{self.reads} has no states of words to write an answer about")
        return found.tokens_BTD, found.mask_BT

    def ids(self, device: torch.device) -> Tensor:
        """Return the ids of all answers (C, T).

        Raises:
            PortError: Two answers are the same to the tokenizer, so that only one of them could ever be given.
        """
        encoded = [self._texts[0].prepare(name) for name in self.names]
        told: dict[tuple[int, ...], str] = {}
        for name, ids_T in zip(self.names, encoded, strict=True):
            if (other := told.setdefault(tuple(ids_T.tolist()), name)) != name:
                raise PortError(
                    f"answers {other!r} and {name!r} are the same words to the tokenizer; "
                    "give the encoders of ids answers=TARGET, or a larger vocabulary"
                )
        return pad_sequence(encoded, batch_first=True, padding_value=PAD).to(device)

    def losses(self, states_NTD: Tensor, mask_NT: Tensor, ids_NT: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropy (N,) of an answer for each question, summed over its tokens, the end included."""
        logits_NTV = self._fuser[0].written(ids_NT[:, :-1], states_NTD, mask_NT).float()
        truth_NT = ids_NT[:, 1:]
        each_NT = functional.cross_entropy(
            logits_NTV.transpose(1, 2), truth_NT, reduction="none", label_smoothing=smoothing
        )
        return torch.where(truth_NT != PAD, each_NT, 0.0).sum(1)


class Choice(nn.Module):
    """Score of each candidate: what the matching head says of history, question and candidate beside the image.

    The texts are one: `[ENC] history question [SEP] candidate [SEP]`, cut from the left where it is too long. The score
    is the logit of "own" minus that of "other".

    Args:
        built: Parts that are built already (filled in).
        image: Encoder of the image.
        context: Encoders of the texts before the candidate (`std/token-ids`), in order.
        candidates: Encoder of the candidates (`std/token-ids`, `several`).
        match: Head with two logits, other and own, that reads `fused.joint`.
    """

    def __init__(
        self,
        *,
        built: Mapping[str, Any],
        image: str = "image",
        context: Sequence[str] = ("history", "question"),
        candidates: str = "candidates",
        match: str = "aligned",
    ) -> None:
        super().__init__()
        self.image, self.context, self.candidates = image, tuple(context), candidates
        self.needs = tuple(f"encoded.{name}" for name in (image, *self.context, candidates))
        self._fuser, self._match = (shared_decoders.shared_fuser(built),), (built[f"heads.{match}"],)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return scores (B, K), minus infinity where an item has fewer candidates."""
        fuser = self._fuser[0]
        found = ports.pick(fused, f"encoded.{self.candidates}")
        ids_BKT, there_BK = found.layers["ids"], found.mask_BT
        context = [ports.pick(fused, f"encoded.{name}").layers["ids"] for name in self.context]
        ids_NT = joined(context, ids_BKT, fuser.transformer.positions)
        states_BPD, mask_BP = fuser.states(ports.pick(fused, f"encoded.{self.image}"))
        count = ids_BKT.shape[1]
        states_NPD = states_BPD.repeat_interleave(count, 0)
        mask_NP = None if mask_BP is None else mask_BP.repeat_interleave(count, 0)
        first_ND = fuser.joint(ids_NT, states_NPD, mask_NP)[:, 0]
        logits_N2 = self._match[0]({"joint": Features(first_ND)}, batch)
        scores_BK: Tensor = (logits_N2[:, 1] - logits_N2[:, 0]).view(-1, count)
        return scores_BK if there_BK is None else scores_BK.masked_fill(~there_BK, -torch.inf)


def joined(context: Sequence[Tensor], candidates_BKT: Tensor, longest: int) -> Tensor:
    """Return the ids of each candidate after the texts before it (B * K, L), padding last.

    Of the texts before only words are kept, between the first token of the candidate's and a last one of its own.
    """
    count = candidates_BKT.shape[1]
    start_BK1, said_BKT = candidates_BKT[..., :1], candidates_BKT[..., 1:]
    # The tokenizer puts the same token at the end of every text: the last one of a candidate.
    end = candidates_BKT[:, :1].gather(2, (candidates_BKT[:, :1] != PAD).sum(2, keepdim=True).clamp(min=1) - 1)[:, :, 0]
    words = [torch.where(ids_BT == end, PAD, ids_BT)[:, 1:] for ids_BT in context]
    before_BT = torch.cat([*words, end], 1)
    room = longest - candidates_BKT.shape[2]
    before_BT = _packed(before_BT, left=False)[:, -room:] if before_BT.shape[1] > room else before_BT
    before_BKT = before_BT[:, None].expand(-1, count, -1)
    ids_NT = torch.cat([start_BK1, before_BKT, said_BKT], 2).flatten(0, 1)
    ids_NT = _packed(ids_NT, left=True)
    return ids_NT[:, : int((ids_NT != PAD).sum(1).max())]


def _packed(ids_NT: Tensor, *, left: bool) -> Tensor:
    """Return ids with all padding at one side, the others in their order."""
    order_NT = ((ids_NT == PAD) == left).long().argsort(dim=1, stable=True)
    return ids_NT.gather(1, order_NT)
