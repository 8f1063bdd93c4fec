"""GloVe's loss beside its equation, and its optimizer beside its update."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from mmx.types import Batch, Outputs
from mmx_glove.data import Counts
from mmx_glove.objective import LogCounts, adagrad
from mmx_std.encoders.text.bag import TextBag
from mmx_worlds.grammar.relations import Relations

CORPUS = Counts(text=Relations(sentences=30), window=4, group=5)


def parts(**options: Any) -> tuple[dict[str, TextBag], LogCounts, Batch]:
    torch.manual_seed(0)
    encoders = {name: TextBag(CORPUS, "word", width=6, vocabulary=512) for name in ("word", "context")}
    objective = LogCounts({f"encoders.{name}": encoder for name, encoder in encoders.items()}, **options)
    samples = CORPUS.split("train")[:7]
    inputs = {
        name: torch.nn.utils.rnn.pad_sequence([encoder.prepare(s.fields[name]) for s in samples], batch_first=True)
        for name, encoder in encoders.items()
    }
    batch = Batch([s.id for s in samples], inputs, targets={"count": [s.targets["count"] for s in samples]})
    return encoders, objective, batch


@pytest.mark.parametrize(("alpha", "biases"), [(0.75, True), (0.0, True), (0.75, False)])
def test_the_loss_is_equation_8(alpha: float, biases: bool) -> None:
    encoders, objective, batch = parts(alpha=alpha, biases=biases, x_max=2.0)
    tables = [encoders[name].table.weight.detach() for name in ("word", "context")]
    total, count = 0.0, 0
    pairs = zip(batch.inputs["word"], batch.inputs["context"], batch.targets["count"], strict=True)
    for word, context, counts in pairs:
        for other, x in zip(context.tolist(), counts.tolist(), strict=False):
            guess = float(tables[0][word[0]] @ tables[1][other])
            if objective.biases is not None:
                guess += float(objective.biases[0][word[0]].detach() + objective.biases[1][other].detach())
            total += min(1, (x / 2) ** alpha if alpha else 1) * (guess - math.log(x)) ** 2
            count += 1
    outputs = Outputs({name: encoder(batch.inputs[name]) for name, encoder in encoders.items()})
    assert float(objective(outputs, batch)["loss"].detach()) == pytest.approx(0.5 * total / count, rel=1e-4)


def test_a_step_of_adagrad_is_the_codes() -> None:
    """x -= eta g / sqrt(G), where G, before g^2 is added to it, begins at 1."""
    x = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = adagrad([("x", x)], lr=0.05)
    sums, value = np.ones(2), np.array([1.0, -2.0])
    for _ in range(3):
        optimizer.zero_grad()
        (x**2).sum().backward()
        gradient = 2 * value
        sums += gradient**2
        value = value - 0.05 * gradient / np.sqrt(sums)
        optimizer.step()
        np.testing.assert_allclose(x.detach().numpy(), value, rtol=1e-6)
