"""The task of language models against counts, and a decoder without attention to others that learns word order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from mmx.model.model import Model
from mmx.types import Sample
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.fusers.pooled import NoFusion
from mmx_std.heads.decoders.transformer import Decoder
from mmx_std.objectives.language import NextToken
from mmx_std.tasks.texts.language import LanguageModel, perplexity
from tests.plugins.mmx_std.tasks.texts.test_written import CODES, Numbers
from tests.plugins.tiny_run import TinyRun


class Order(Numbers):
    """Two of six words, the second never smaller than the first; the same texts in every split."""

    def split(self, name: str) -> Sequence[Sample]:
        pairs = [(a, b) for a in range(6) for b in range(a, 6)]
        return [Sample(f"{a}-{b}", {"source": "", "target": f"{CODES[a]} {CODES[b]}"}) for a, b in pairs]


def model() -> Model:
    torch.manual_seed(0)
    target = TokenIds(Order(), "target", vocabulary=20, tokens=6)
    head = Decoder({}, built={"encoders.target": target}, reads=None, caption="target", width=16, heads=2, depth=1)
    return Model({"target": target}, NoFusion({"target": 1}), {"words": head}, {"target": "target"})


def test_perplexity_weighs_texts_by_their_tokens() -> None:
    rows = torch.tensor([[3 * math.log(2), 3.0], [math.log(8), 1.0]]).double().numpy()
    assert perplexity(rows) == pytest.approx(2 ** (6 / 4))


def test_a_decoder_alone_learns_which_words_follow_and_is_judged_beside_counts(tmp_path: Path) -> None:
    own, corpus = model(), Order()
    loss = NextToken(built={"encoders.target": own.encoders["target"]}, caption="target")
    optimizer = torch.optim.Adam(own.parameters(), 1e-2)
    batch = own.prepare(corpus.split("train"))
    own.train()
    for _ in range(60):
        optimizer.zero_grad()
        loss(own(batch, loss.needs), batch)["loss"].backward()
        optimizer.step()
    report = LanguageModel().evaluate(own, corpus, TinyRun(tmp_path, "order", model))  # type: ignore[arg-type]
    (found,) = report.metrics
    assert (found.name, found.better, found.chance) == ("perplexity", "lower", own.encoders["target"].tokenizer.size)
    assert found.value < found.untrained and found.value < found.controls["words_shuffled"]  # type: ignore[operator]
    # Add-one unigram by hand: three tokens a text, the end included; Witten-Bell bigrams know the order.
    train = [[*each.fields["target"].split(), "end"] for each in corpus.split("train")]
    flat = [word for text in train for word in text]
    size = own.encoders["target"].tokenizer.size
    cost, count = 0.0, 0
    for each in corpus.split("test"):
        for word in [*each.fields["target"].split(), "end"]:
            cost -= math.log((flat.count(word) + 1) / (len(flat) + size))
            count += 1
    assert found.baselines["unigram"] == pytest.approx(math.exp(cost / count))
    assert found.baselines["bigram"] < found.baselines["unigram"]
    row = report.predictions[0]
    assert row["tokens"] == 3 and report.used == len(corpus.split("test"))
    told = LanguageModel().predict(own, {"target": corpus.split("test")[0].fields["target"]}).rows[0]
    assert told["log_probability"] == pytest.approx(-row["negative_log_probability"], rel=1e-4)
    assert told["likeliest_text"].split()
