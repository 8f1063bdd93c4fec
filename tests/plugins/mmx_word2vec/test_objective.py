"""The losses of word2vec beside loops over words."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.errors import ConfigError
from mmx.types import Batch, Outputs
from mmx_std.encoders.text.bag import TextBag
from mmx_word2vec.objective import WordPrediction, certain, huffman
from mmx_worlds.grammar.relations import Relations

CORPUS = Relations(sentences=60)


def parts(**options: Any) -> tuple[TextBag, WordPrediction]:
    torch.manual_seed(0)
    encoder = TextBag(CORPUS, "text", width=6, vocabulary=512, tokens=16)
    objective = WordPrediction(CORPUS, {"encoders.words": encoder}, **{"window": 3, "negatives": 4, **options})
    torch.nn.init.normal_(objective.output.weight)
    return encoder, objective


def batch_of(encoder: TextBag, texts: list[str]) -> Batch:
    rows = [encoder.prepare(text) for text in texts]
    return Batch(
        [str(i) for i in range(len(texts))], {"words": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)}
    )


def seen(encoder: TextBag, objective: WordPrediction, batch: Batch) -> Outputs:
    return Outputs({"words": encoder(batch.inputs["words"])})


def sig(x: float) -> float:
    return 1 / (1 + math.exp(-x))


TEXTS = ["tabo0 tabocity filler1 city0 filler2", "kemi1 kemifolk", "filler0"]


@pytest.mark.parametrize("model", ["skip-gram", "cbow"])
@pytest.mark.parametrize("softmax", ["negative", "hierarchical"])
def test_the_loss_is_that_of_a_loop_over_words(model: str, softmax: str) -> None:
    encoder, objective = parts(model=model, softmax=softmax, subsample=0)
    batch = objective.view(batch_of(encoder, TEXTS), torch.Generator().manual_seed(3))
    table, output = (each.weight.detach().double() for each in (encoder.table, objective.output))
    ids, radius = batch.inputs["words"], batch.targets["word2vec radius"]
    total, count = 0.0, 0
    for b in range(len(TEXTS)):
        length = int((ids[b] != 0).sum())
        for t in range(length):
            offsets = [d for d in range(-3, 4) if d and abs(d) <= radius[b, t] and 0 <= t + d < length]
            around = [(d if d < 0 else d - 1) + 3 for d in offsets]
            vectors = [table[ids[b, t + d]] for d in offsets]
            if model == "cbow" and offsets:
                vectors, around = [sum(vectors) / len(vectors)], [0]  # type: ignore[list-item]
            for x, place in zip(vectors, around, strict=True):
                centre, count = int(ids[b, t]), count + 1
                if softmax == "negative":
                    total -= math.log(sig(float(x @ output[centre])))
                    for noise in batch.targets["word2vec noise"][b, t, place].tolist():
                        if noise != centre:
                            total -= math.log(sig(-float(x @ output[noise])))
                else:
                    for node, turn in zip(
                        objective.node_VL[centre].tolist(), objective.sign_VL[centre].tolist(), strict=True
                    ):
                        if turn:
                            total -= math.log(sig(turn * max(-6.0, min(6.0, float(x @ output[node])))))
    losses = objective(seen(encoder, objective, batch), batch)
    assert float(losses["predictions"]) == count
    assert float(losses["loss"]) == pytest.approx(total / count, rel=2e-3)  # beyond 6 the table of the code is flat


def test_the_mean_of_the_company_gives_each_word_its_whole_gradient() -> None:
    """As the C code does: each of n context words moves by the gradient of the mean, not by its n-th part."""
    encoder, objective = parts(model="cbow", subsample=0, fixed=True, negatives=0)
    batch = objective.view(batch_of(encoder, ["tabo0 tabocity tabo1"]), torch.Generator().manual_seed(0))
    objective(seen(encoder, objective, batch), batch)["loss"].backward()
    first, centre, last = (encoder.prepare(word)[0] for word in ("tabo0", "tabocity", "tabo1"))
    table, output = encoder.table.weight.detach(), objective.output.weight.detach()
    expected = torch.zeros(6)
    for target, others in ((centre, (first, last)), (last, (first, centre))):
        mean = torch.stack([table[i] for i in others]).mean(0)
        expected += -(1 - sig(float(mean @ output[target]))) * output[target] / 3
    torch.testing.assert_close(encoder.table.weight.grad[first], expected, rtol=1e-3, atol=1e-5)  # type: ignore[index]


def test_the_second_table_may_be_an_encoders() -> None:
    words, company = (TextBag(CORPUS, "text", width=6, vocabulary=512) for _ in range(2))
    built = {"encoders.words": words, "encoders.company": company}
    objective = WordPrediction(CORPUS, built, second="company")
    assert objective.output is company.table and not company.table.weight.any(), "it starts at 0 as the other does"
    narrow = {**built, "encoders.company": TextBag(CORPUS, "text", width=5, vocabulary=512)}
    with pytest.raises(ConfigError, match=r"second: .* 512 words of 6 numbers"):
        WordPrediction(CORPUS, narrow, second="company")


def test_windows_and_noise_are_drawn_as_told() -> None:
    encoder, objective = parts(subsample=0, window=4)
    batch = batch_of(encoder, [CORPUS.split("train")[i].fields["text"] for i in range(60)])
    viewed = objective.view(batch, torch.Generator().manual_seed(0))
    radius = viewed.targets["word2vec radius"]
    assert [float((radius == r).float().mean()) for r in (1, 2, 3, 4)] == pytest.approx([0.25] * 4, abs=0.06)
    noise = torch.bincount(viewed.targets["word2vec noise"].flatten(), minlength=512).double()
    expected = objective.count_V**0.75
    assert not noise[expected == 0].any()
    share = noise / noise.sum()
    assert float((share - expected / expected.sum()).abs().sum()) < 0.12
    fixed = parts(subsample=0, fixed=True)[1]
    assert set(fixed.view(batch, torch.Generator()).targets["word2vec radius"].flatten().tolist()) == {3}


def test_frequent_words_are_dropped_as_in_the_code_and_the_rest_moves_together() -> None:
    encoder, objective = parts(subsample=1e-2)
    share = objective.count_V / objective.count_V.sum()
    known = share > 0
    expected = (((share / 1e-2).sqrt() + 1) * 1e-2 / share).clamp(max=1)[known]
    torch.testing.assert_close(objective.keep_V[known].double(), expected, rtol=1e-6, atol=0)
    text = CORPUS.split("train")[0].fields["text"]
    whole = encoder.prepare(text).tolist()
    kept = torch.zeros(512)
    for seed in range(400):
        row = objective.view(batch_of(encoder, [text]), torch.Generator().manual_seed(seed)).inputs["words"][0].tolist()
        length = len([i for i in row if i])
        assert row[length:] == [0] * (len(row) - length)
        remaining = iter(whole)
        assert all(any(i == each for each in remaining) for i in row[:length]), "order is kept"
        kept += torch.bincount(torch.tensor(row), minlength=512)
    for word in set(whole):
        assert float(kept[word]) / 400 / whole.count(word) == pytest.approx(float(objective.keep_V[word]), abs=0.08)


def test_the_same_draw_gives_the_same_batch() -> None:
    encoder, objective = parts()
    one, other = (objective.view(batch_of(encoder, TEXTS), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one.inputs["words"], other.inputs["words"])
    assert torch.equal(one.targets["word2vec noise"], other.targets["word2vec noise"])


def test_certain_is_the_softplus_with_flat_ends() -> None:
    x = torch.tensor([-9.0, -3.0, 0.0, 3.0, 9.0], requires_grad=True)
    certain(x).sum().backward()
    assert x.grad.tolist() == pytest.approx([0, sig(-3), 0.5, sig(3), 1])  # type: ignore[union-attr]


def test_a_tree_is_huffmans_and_its_codes_are_no_prefixes() -> None:
    """Counts 8, 4, 2, 1, 1: lengths 1, 2, 3, 4, 4, the least sum of count x length; unknown words have no path."""
    nodes, turns = huffman(torch.tensor([0.0, 8, 4, 2, 1, 1]))
    lengths = (turns != 0).sum(1).tolist()
    assert lengths == [0, 1, 2, 3, 4, 4]
    codes = [tuple(zip(nodes[w].tolist()[:n], turns[w].tolist()[:n], strict=True)) for w, n in enumerate(lengths) if n]
    assert all(one[: len(other)] != other for one in codes for other in codes if one is not other)
    assert {code[0][0] for code in codes} == {3}  # all begin at the root, the last of four inner nodes


def test_probabilities_along_the_tree_sum_to_one() -> None:
    _, objective = parts(softmax="hierarchical", subsample=0)
    known = objective.count_V.nonzero().flatten()
    x = torch.randn(1, 6) * 0.3
    losses = objective._along_tree(x.expand(len(known), -1), known)
    assert float((-losses).exp().sum()) == pytest.approx(1, rel=1e-5)


def test_chance_is_the_loss_of_equal_vectors() -> None:
    encoder, objective = parts(subsample=0)
    torch.nn.init.zeros_(objective.output.weight)
    batch = objective.view(batch_of(encoder, TEXTS), torch.Generator().manual_seed(1))
    batch.targets["word2vec noise"][:] = 511  # a word that is never the centre
    loss = objective(seen(encoder, objective, batch), batch)["loss"]
    assert objective.chance(3) == pytest.approx(float(loss), rel=1e-4)
    assert parts(softmax="hierarchical")[1].chance(3) is None


def test_a_batch_without_two_words_has_no_loss() -> None:
    encoder, objective = parts(subsample=0)
    batch = objective.view(batch_of(encoder, ["filler0", ""]), torch.Generator())
    loss = objective(seen(encoder, objective, batch), batch)["loss"]
    assert float(loss) == 0 and not math.isnan(float(loss))
