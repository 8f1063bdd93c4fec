"""Alignment: which pairs are aligned follows what they say, about half are, and chance is ln 2."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from mmx.errors import ConfigError, PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.encoders.text.tokenizers import word_tokenizer
from mmx_std.objectives.matching import ALIGNED, Match

SAID = [f"text {number % 50}" for number in range(200)]  # each said four times


def batch() -> Batch:
    numbers = torch.arange(200)
    return Batch(
        [str(number) for number in range(200)],
        inputs={"regions": numbers, "caption": numbers},
        masks={"caption": numbers[:, None] >= 0},
        targets={"sentence": SAID},
        cached={"caption": Features(numbers[:, None].float())},
    )


def test_pairs_are_aligned_where_the_text_says_the_same() -> None:
    part = Match(built={})
    assert isinstance(part, Objective)
    seen = part.view(batch(), torch.Generator().manual_seed(0))
    given = seen.inputs["caption"].tolist()
    assert seen.inputs["regions"].tolist() == list(range(200))
    assert seen.cached["caption"].pooled_BD[:, 0].tolist() == given
    assert seen.targets[ALIGNED].tolist() == [SAID[text] == SAID[place] for place, text in enumerate(given)]
    assert 0.4 < seen.targets[ALIGNED].float().mean() < 0.6
    alone = Match(built={}, positives=None).view(batch(), torch.Generator().manual_seed(0))
    assert alone.targets[ALIGNED].tolist() == [text == place for place, text in enumerate(given)]


def test_the_negatives_are_the_next_or_the_most_similar_that_say_something_else() -> None:
    texts = torch.tensor([[5, 6, 7, 0], [5, 6, 8, 0], [9, 9, 7, 0], [6, 5, 7, 7], [9, 3, 4, 2]])
    about = Batch(
        [*"abcde"], inputs={"caption": texts, "regions": torch.arange(5)}, masks={"caption": texts > 0},
        targets={"sentence": ["one", "two", "three", "one", "five"]},
    )  # fmt: skip
    rolled = Match(built={}, negatives="roll", replaced=0.999).view(about, torch.Generator().manual_seed(0))
    assert rolled.inputs["caption"].tolist() == texts.roll(-1, 0).tolist()
    hard = Match(built={}, negatives="hard", replaced=0.999).view(about, torch.Generator().manual_seed(0))
    # Jaccard by hand: a and d (the same words) share 2 of 4 with b and 1 of 4 with c, which shares 1 of 5 with e.
    assert [texts.tolist().index(row) for row in hard.inputs["caption"].tolist()[:2]] in ([1, 0], [1, 3])
    found = [texts.tolist().index(row) for row in hard.inputs["caption"].tolist()]
    assert found[2] in (0, 3) and found[3] == 1 and found[4] == 2 and not hard.targets[ALIGNED].any()
    kept = Features(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.9, 0.5], [1.0, 0.1], [-1.0, 0.0]]))
    about.cached["caption"] = kept  # type: ignore[index]
    near = Match(built={}, negatives="hard", replaced=0.999).view(about, torch.Generator().manual_seed(0))
    # cosines: a with c .87 (d says the same), b with c .49, c with d .92, d with c, e with b 0
    assert near.cached["caption"].pooled_BD.tolist() == kept.pooled_BD[[2, 2, 3, 2, 1]].tolist()
    about.cached.clear()  # type: ignore[attr-defined]
    with pytest.raises(PortError, match="by their tokens"):
        Match(built={}, text="regions", negatives="hard").view(about, torch.Generator())


def test_the_control_tells_at_random() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = Match(built={}, shuffled=True).view(batch(), generator)
    true = torch.tensor([SAID[text] == SAID[place] for place, text in enumerate(seen.inputs["caption"].tolist())])
    assert seen.targets[ALIGNED].sum() == true.sum()
    assert 0.35 < (seen.targets[ALIGNED] == true).float().mean() < 0.65


def test_the_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, 2.0], [1.0, 0.5]])
    aligned = torch.tensor([True, False])
    losses = Match(built={})(Outputs(heads={"aligned": logits}), Batch(["a", "b"], targets={ALIGNED: aligned}))
    expected = [math.log(1 + math.exp(-2.0)), math.log(1 + math.exp(-0.5))]
    assert float(losses["loss"]) == pytest.approx(sum(expected) / 2)
    assert float(losses["right"]) == 1.0
    assert Match(built={}).chance(4) == pytest.approx(math.log(2))
    unseen = Match(built={})(Outputs(heads={"aligned": logits}), Batch(["a", "b"]))  # without a view all are aligned
    assert float(unseen["right"]) == 0.5
    with pytest.raises(PortError, match="two logits"):
        Match(built={})(Outputs(heads={"aligned": torch.zeros(2, 3)}), Batch(["a", "b"]))


def test_some_of_the_replaced_texts_are_the_true_one_with_two_words_exchanged() -> None:
    tokenizer = word_tokenizer(["red", "blue", "circle", "square"], lowercase=True, limit=9)
    kinds = {"colour": ["red", "blue"], "shape": ["circle", "square"]}
    built = {"encoders.caption": SimpleNamespace(tokenizer=tokenizer)}
    part = Match(built=built, exchanged=0.5, kinds=kinds)
    texts = [f"red circle {'blue' if number % 2 else 'red'} circle" for number in range(400)]  # half can be exchanged
    ids = torch.stack([tokenizer.encode(text) for text in texts])
    names = [str(number) for number in range(400)]
    own = Batch(names, inputs={"caption": ids, "regions": torch.arange(400)}, targets={"sentence": names})
    seen = part.view(own, torch.Generator().manual_seed(0))
    said = [tokenizer.decode(row.tolist()) for row in seen.inputs["caption"]]
    turned = [number for number, text in enumerate(said) if text == "blue circle red circle"]
    assert {texts[number] for number in turned} == {"red circle blue circle"}
    assert len(turned) / 200 == pytest.approx(0.25, abs=0.08)
    assert not seen.targets[ALIGNED][turned].any()
    assert float(seen.targets[ALIGNED].float().mean()) == pytest.approx(0.5, abs=0.08)
    assert torch.equal(own.inputs["caption"], ids)
    with pytest.raises(ConfigError, match="which words"):
        Match(built=built, exchanged=0.5)
    with pytest.raises(PortError, match="cannot be exchanged"):
        part.view(batch(), torch.Generator())


def test_the_score_of_a_pair_is_its_probability_to_be_own() -> None:
    found = Match(built={}).score(Outputs(heads={"aligned": torch.tensor([[0.0, 2.0]])}), Batch(["a"]))
    assert found.tolist() == pytest.approx([1 / (1 + math.exp(-2))])
