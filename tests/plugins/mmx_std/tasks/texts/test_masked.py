"""The task of hidden words, on a model that knows a rule which two neighbours do not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmx.errors import UserError
from mmx.model.model import Model
from mmx.types import Batch, Card, Features, Sample
from mmx_std.encoders.text.tokenizers import MASK
from mmx_std.encoders.text.transformer import TextTransformer
from mmx_std.fusers.pooled import NoFusion
from mmx_std.ops.tokens.corruption import hidden_key
from mmx_std.tasks.texts.masked import MaskedWords
from tests.plugins.tiny_run import TinyRun

LETTERS = ("ka", "lo", "mi", "nu")


class Twice:
    """Four random words, and the same four again: a word is that of the other half."""

    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, Any] = {"document": None}
    card = Card(title="twice", summary="twice", licence="CC0-1.0")
    digest = "twice"

    def split(self, name: str) -> Sequence[Sample]:
        draw = torch.Generator().manual_seed(len(name))
        rows = torch.randint(4, (60, 4), generator=draw).tolist()
        halves = [" ".join(LETTERS[number] for number in row) for row in rows]
        return [
            Sample(f"{name}-{n}", {"text": f"{half} {half} ."}, {"document": str(n // 2)})
            for n, half in enumerate(halves)
        ]


class Copies(nn.Module):
    """Names the word of the other half where it is shown, else the first letter."""

    needs = ("encoded.text",)

    def __init__(self, encoder: TextTransformer, knows: bool) -> None:
        super().__init__()
        self.encoder, self.knows = [encoder], knows

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        shown = batch.inputs["text"]
        truth = batch.targets.get(hidden_key("text"), torch.zeros_like(shown))
        first = int(self.encoder[0].prepare("ka")[1])
        said = []
        for row, place in (truth >= 0).nonzero().tolist():
            other = place + 4 if place <= 4 else place - 4
            word = int(shown[row, other]) if 0 < other < shown.shape[1] - 1 else first
            said.append(word if self.knows and word != MASK else first)
        return {"logits": nn.functional.one_hot(torch.tensor(said), 20).float()}


def model(knows: bool = True) -> Model:
    torch.manual_seed(0)
    encoder = TextTransformer(Twice(), width=8, depth=1, heads=2, tokenizer="word", vocabulary=20, tokens=12)
    return Model({"text": encoder}, NoFusion({"text": 8}), {"words": Copies(encoder, knows)}, {"text": "text"})


def test_hidden_words_are_counted_beside_what_neighbours_give_away(tmp_path: Path) -> None:
    run = TinyRun(tmp_path, "twice", lambda: model(knows=False))
    report = MaskedWords(ignored=["."], unit="document").evaluate(model(), Twice(), run)  # type: ignore[arg-type]
    (metric,) = report.metrics
    assert metric.name == "masked_accuracy" and metric.unit == "values of document" and metric.units == 30
    assert metric.value > 0.8  # now and then the other half is hidden too, or shows a random word
    assert metric.untrained is not None and metric.untrained < 0.45
    assert set(metric.baselines) == {"bigram", "most_frequent"} and max(metric.baselines.values()) < 0.5
    assert metric.controls["nothing_else_shown"] < 0.45
    assert report.used == 60 and all(row["truth"] in LETTERS for row in report.predictions)
    assert sum(row["right"] for row in report.predictions) / len(report.predictions) == pytest.approx(metric.value)


def test_the_words_that_masks_stand_for_are_named() -> None:
    found = MaskedWords().predict(model(), {"text": "ka lo mi nu ka lo [MASK] nu ."})
    assert (found.rows[0]["mask"], found.rows[0]["rank"], found.rows[0]["word"]) == (1, 1, "mi")
    with pytest.raises(UserError, match=r"\[MASK\]"):
        MaskedWords().predict(model(), {"text": "ka lo"})


class Beside(Copies):
    """Names the word that the item beside the text shows at its place; where nothing is shown, the first letter."""

    needs = ("encoded.text", "encoded.item")

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        truth, item = batch.targets[hidden_key("text")], batch.inputs["item"]
        first = int(self.encoder[0].prepare("ka")[1])
        said = [
            int(item[row, place]) if self.knows and item[row].any() else first for row, place in (truth >= 0).nonzero()
        ]
        return {"logits": nn.functional.one_hot(torch.tensor(said), 20).float()}


def beside(knows: bool = True) -> Model:
    own = model()
    encoder: Any = own.encoders["text"]
    encoders = {"text": encoder, "item": Shown(encoder)}
    fuser = NoFusion({"text": 8, "item": 12})
    return Model(encoders, fuser, {"words": Beside(encoder, knows)}, {"text": "text", "item": "copy"})


class Shown(nn.Module):
    """The ids of a text, as an input of another kind."""

    modality, out_dim = "signal", 12

    def __init__(self, encoder: TextTransformer) -> None:
        super().__init__()
        self.read = [encoder]

    def prepare(self, raw: Any) -> Tensor:
        ids = self.read[0].prepare(raw)
        return nn.functional.pad(ids, (0, 12 - len(ids))).float()

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


class Copied(Twice):
    """The same texts with a copy beside them."""

    fields: Mapping[str, str] = {"text": "text", "copy": "text"}

    def split(self, name: str) -> Sequence[Sample]:
        return [Sample(x.id, {**x.fields, "copy": x.fields["text"]}, x.targets) for x in super().split(name)]


def test_words_of_kinds_are_hidden_and_what_else_is_read_is_removed(tmp_path: Path) -> None:
    run = TinyRun(tmp_path, "copied", lambda: beside(knows=False))
    task = MaskedWords(kinds={"first": ["ka", "lo"], "last": ["mi"]})
    report = task.evaluate(beside(), Copied(), run)  # type: ignore[arg-type]
    whole, first, last = report.metrics
    names = ["masked_accuracy", "masked_accuracy_first", "masked_accuracy_last"]
    assert [metric.name for metric in report.metrics] == names
    assert whole.value == first.value == last.value == 1.0
    assert {row["truth"] for row in report.predictions} == {"ka", "lo", "mi"}
    assert set(whole.controls) == {"without_copy"} and last.controls == {"without_copy": 0.0}
    assert 0.2 < first.controls["without_copy"] < 0.8  # "ka" is what it says then
    assert set(whole.baselines) == {"bigram", "most_frequent", "ridge_pairs"}
    assert whole.baselines["ridge_pairs"] > max(whole.baselines["bigram"], 0.5)  # the copy tells which words there are
