"""The loss and the optimizer of GloVe. Shapes: B words, T words near each, V words, D width."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn, optim

from mmx import Batch, Losses, Outputs
from mmx_std import ports, tokenizers


class LogCounts(nn.Module):
    """J = sum_ij f(X_ij) (w_i . c_j + b_i + d_j - ln X_ij)^2 with f(x) = min(1, x / x_max)^alpha (equation 8).

    Args:
        built: The model; both encoders have a word table over the same words.
        word: Encoder of the word.
        context: Encoder of the words near it.
        x_max: Count from which on pairs weigh 1.
        alpha: Exponent of f; 0 (ablation) weighs all alike.
        biases: Off (ablation): without b and d.
    """

    def __init__(
        self,
        built: Mapping[str, Any],
        *,
        word: str = "word",
        context: str = "context",
        x_max: Annotated[float, Field(gt=0)] = 100.0,
        alpha: Annotated[float, Field(ge=0)] = 0.75,
        biases: bool = True,
    ) -> None:
        super().__init__()
        self.word, self.context = word, context
        self.needs = (f"encoded.{word}", f"encoded.{context}", "targets.count")
        self.x_max, self.alpha = x_max, alpha
        self.biases: nn.ParameterList | None = None
        if biases:
            encoders = (built[f"encoders.{name}"] for name in (word, context))
            spreads = [(encoder.table.num_embeddings, 0.5 / encoder.out_dim) for encoder in encoders]
            self.biases = nn.ParameterList(torch.empty(size).uniform_(-most, most) for size, most in spreads)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, half the weighted squared error, mean over pairs as the code reports it, and mean `error`."""
        w_BD = outputs.encoded[self.word].pooled_BD
        c_BTD = ports.tokens(outputs, f"encoded.{self.context}")
        ids_BT = batch.inputs[self.context]
        count_BT = _padded(batch.targets["count"], ids_BT)
        known_BT = (ids_BT >= len(tokenizers.SPECIALS)) & (count_BT > 0)
        guess_BT = torch.einsum("bd,btd->bt", w_BD, c_BTD)
        if self.biases is not None:
            guess_BT = guess_BT + self.biases[0][batch.inputs[self.word][:, :1]] + self.biases[1][ids_BT]
        error_BT = torch.where(known_BT, guess_BT - count_BT.clamp(min=1e-30).log(), 0.0)
        weight_BT = (count_BT / self.x_max).clamp(max=1.0) ** self.alpha
        total = known_BT.sum().clamp(min=1)
        loss = 0.5 * (weight_BT * error_BT.square()).sum() / total
        return {"loss": loss, "error": error_BT.detach().abs().sum() / total}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on the counts."""
        return None


def adagrad(
    params: Iterable[tuple[str, nn.Parameter]],
    *,
    lr: Annotated[float, Field(gt=0)] = 0.05,
    start: Annotated[float, Field(ge=0)] = 1.0,
) -> optim.Adagrad:
    """AdaGrad whose sums of squared gradients begin at 1, as in the code.

    Args:
        params: Named parameters.
        lr: Learning rate.
        start: First value of the sums.
    """
    learning = [parameter for _, parameter in params if parameter.requires_grad]
    return optim.Adagrad(learning, lr=lr, initial_accumulator_value=start, eps=0.0 if start else 1e-10)


def _padded(counts: Any, ids_BT: Tensor) -> Tensor:
    """Return counts (B, T), 0 where there is no word."""
    if isinstance(counts, Tensor):
        return counts.to(ids_BT.device)
    rows = [torch.as_tensor(row) for row in counts]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True).to(ids_BT.device)
