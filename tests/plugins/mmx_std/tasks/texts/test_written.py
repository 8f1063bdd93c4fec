"""The task of written texts, on a model whose texts are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError, PortError
from mmx.model.model import Model
from mmx.types import Batch, Card, Features, Sample
from mmx_std.encoders.text.bag import TextBag
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.fusers.pooled import NoFusion
from mmx_std.heads.decoders.search import Written
from mmx_std.tasks.texts.written import Text
from tests.plugins.tiny_run import TinyRun

WORDS = ("zero", "one", "two", "three", "four", "five")
CODES = ("nu", "un", "du", "tri", "kar", "kin")


class Numbers:
    """ "one two" is "du un": the words in reverse order. Split long has three of them."""

    fields: Mapping[str, str] = {"source": "text", "target": "text"}
    targets: Mapping[str, Any] = {}
    card = Card(title="numbers", summary="numbers", licence="CC0-1.0")
    digest = "numbers"

    def split(self, name: str) -> Sequence[Sample]:
        pairs = [(a, b) for a in range(6) for b in range(6)]
        if name not in ("train", "test", "long"):
            raise DataError(f"no split {name}")
        chosen = {"train": pairs[::2], "test": pairs[1::2], "long": [(*pair, 0) for pair in pairs[:5]]}[name]
        return [
            Sample(
                f"{name}-{'-'.join(map(str, each))}",
                {
                    "source": " ".join(WORDS[n] for n in each),
                    "target": " ".join(CODES[n] for n in reversed(each)),
                },
            )
            for each in chosen
        ]


class Reverse(nn.Module):
    """Writes the truth where `knows`, else always "nu"; an input without words is written as nothing.

    Its probability of every true token is 1/2, and that of the others alike.
    """

    reads, needs = "encoded.source", ("encoded.source", "encoded.target")

    def __init__(self, source: TextBag, target: TokenIds, knows: bool) -> None:
        super().__init__()
        self.source, self.target, self.knows = [source], [target], knows
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        truth = fused["target"].layers["ids"][:, 1:]
        count = self.target[0].vocabulary
        p = torch.full((*truth.shape, count), 0.5 / (count - 1))
        return {"logits": p.scatter(2, truth[..., None], 0.5).log()}

    def generate(self, fused: Mapping[str, Features], **knobs: Any) -> Written:
        names = self.source[0].tokenizer.tokens()
        table = self.source[0].table.weight
        ids = []
        for row in fused["encoded.source" if "encoded.source" in fused else "source"].tokens_BTD:  # type: ignore[union-attr]
            nearest = torch.cdist(row, table).argmin(1).tolist()
            read = [names[number] for number, x in zip(nearest, row, strict=True) if float(x.abs().sum()) > 0]
            said = [CODES[WORDS.index(word)] for word in reversed(read) if word in WORDS] if self.knows else ["nu"]
            ids.append(self.target[0].prepare(" ".join(said))[1:-1])
        padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=-1)
        maps = torch.rand(len(ids), padded.shape[1], 3)
        return Written(padded, torch.zeros(len(ids)), maps)


def model(knows: bool = True) -> Model:
    torch.manual_seed(0)
    source = TextBag(Numbers(), "source", width=8, vocabulary=20, tokens=8)
    target = TokenIds(Numbers(), "target", vocabulary=20, tokens=8)
    head = Reverse(source, target, knows)
    dims = {"source": 8, "target": 1}
    return Model({"source": source, "target": target}, NoFusion(dims), {"words": head}, {n: n for n in dims})


def test_texts_and_their_controls_are_judged(tmp_path: Path) -> None:
    run = TinyRun(tmp_path, "numbers", lambda: model(knows=False))
    report = Text(also=["long", "longer"]).evaluate(model(), Numbers(), run)  # type: ignore[arg-type]
    found = {metric.name: metric for metric in report.metrics}
    assert list(found) == ["exact", "bleu_4", "perplexity", "exact_long", "bleu_4_long"]
    exact = found["exact"]
    assert (exact.value, exact.untrained) == (1.0, 0.0)
    assert set(exact.controls) == {"without_source", "zeroed_encoder", "shuffled_source"}
    assert max(exact.controls.values()) == 0.0
    # Word for word knows every word and keeps the order: right where both words are the same.
    same = sum(len(set(s.fields["source"].split())) == 1 for s in Numbers().split("test"))
    assert exact.baselines["word_for_word"] == pytest.approx(same / 18)
    assert exact.baselines["nearest_pair"] < 0.5
    assert found["perplexity"].value == pytest.approx(2.0, rel=1e-4) and found["perplexity"].better == "lower"
    assert found["exact_long"].value == 1.0 and found["exact_long"].controls == {}
    assert (report.used, report.expected) == (18, 18)
    row = report.predictions[0]
    assert row["predicted"] == row["reference"] and len(report.figures) == 3


def test_a_users_text_is_answered_with_where_it_looked() -> None:
    found = Text().predict(model(), {"source": "one five"})
    assert found.rows[0]["text"] == "kin un"
    assert found.clips[0].key == "attention" and found.clips[0].media.dtype.name == "uint8"


def test_a_head_that_does_not_write_is_named() -> None:
    own = model()
    own.heads["words"] = nn.Linear(2, 2)
    with pytest.raises(PortError, match="does not write; heads that do: std/lstm, std/lstm-attention, std/decoder"):
        Text().predict(own, {"source": "one"})


def test_missing_texts_are_told_before_training() -> None:
    class Bare(Numbers):
        def split(self, name: str) -> Sequence[Sample]:
            return [Sample("a", {"source": "one"})]

    assert "encoders.target.field" in Text().check(model(), Bare(), "test")[0]  # type: ignore[arg-type]
    assert Text().check(model(), Numbers(), "test") == []  # type: ignore[arg-type]
