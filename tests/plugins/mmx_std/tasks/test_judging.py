from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from mmx.errors import UserError
from mmx.types import Batch, Features, Sample
from mmx_std.tasks import judging
from tests.plugins.mmx_std.judges import Judged, Listed, make_model


def make_samples(count: int = 70) -> list[Sample]:
    return [Sample(str(i), {"a": [float(i), 1.0], "b": [0.0, float(i)]}) for i in range(count)]


@pytest.mark.parametrize("count", [2, 3, 50])
def test_a_derangement_moves_everyone(count: int) -> None:
    order = judging.derangement(count, seed=1)
    assert sorted(order) == list(range(count))
    assert all(place != item for place, item in enumerate(order))
    assert judging.derangement(50, 1) != judging.derangement(50, 2)
    assert judging.derangement(1, 0) == [0]


def test_variants_see_the_same_batches() -> None:
    model, untrained = make_model("ab", 2), make_model("ab", 2, trained=False)
    variants = {
        "own": (model, judging.as_it_is),
        "untrained": (untrained, judging.as_it_is),
        "none": (model, lambda batch: judging.without(batch, ["b"])),
    }
    ids: list[str] = []
    for batch, found in judging.outputs(variants, make_samples(), ("heads.label",), Judged(untrained), "judging"):
        ids += batch.ids
        i = torch.tensor([float(name) for name in batch.ids])
        assert torch.equal(found["own"].heads["label"], torch.stack([i, i + 1], dim=1))
        assert torch.equal(found["untrained"].heads["label"], torch.zeros(batch.size, 2))
        assert torch.equal(found["none"].heads["label"], torch.stack([i, torch.ones_like(i)], dim=1))
        assert not found["own"].heads["label"].requires_grad
    assert ids == [str(i) for i in range(70)]
    assert not model.training


def test_without_marks_what_it_removes() -> None:
    mask = torch.tensor([[True, True], [True, False]])
    cached = Features(torch.ones(2, 3), torch.ones(2, 2, 3), mask)
    batch = Batch(["0", "1"], inputs={"a": torch.ones(2, 2)}, masks={"a": mask, "c": mask}, cached={"b": cached})
    shown = judging.without(batch, ["a", "b"])
    assert shown.inputs["a"].sum() == 0
    assert shown.cached["b"].pooled_BD.sum() == shown.cached["b"].tokens_BTD.sum() == 0
    assert shown.cached["b"].mask_BT is None
    assert list(shown.masks) == ["c"], "lengths tell something about what was removed"
    assert not shown.present["a"].any()
    assert batch.inputs["a"].sum() == 4
    assert batch.present == {}


def test_swapped_gives_everyone_the_input_of_exactly_one_other() -> None:
    samples = make_samples()
    model = make_model("ab", 2)
    seen: list[tuple[float, float]] = []
    for batch, found in judging.swapped(model, samples, ("heads.label",), ["b"], Judged(model), "swap"):
        assert batch.inputs["a"][:, 0].tolist() == [float(name) for name in batch.ids]
        seen += [(a, both - 1) for a, both in found["swap"].heads["label"].tolist()]
    assert all(own != other for own, other in seen)
    assert sorted(other for _, other in seen) == list(range(70))


def test_fields_behind_what_is_judged() -> None:
    model = make_model("ab", 2)
    model.fields = {"a": "sound", "b": "sound"}
    assert judging.used_fields(model, ("heads.label",)) == {"sound": ["a", "b"]}
    assert judging.used_fields(model, ("fused.b",)) == {"sound": ["b"]}


def test_only_what_could_be_read_is_judged_again() -> None:
    samples = make_samples(5)
    assert judging.judged(samples, list("01234")) is samples
    assert [each.id for each in judging.judged(samples, ["1", "3"])] == ["1", "3"]
    chosen = judging.Chosen(samples, [4, 2, 0])
    assert [each.id for each in chosen[1:]] == ["2", "0"]


def test_the_unit_is_a_target_that_the_corpus_has() -> None:
    corpus = Listed({}, {"group": None})
    assert judging.unit_of(corpus, "group") == "group"
    assert judging.unit_of(corpus, "speaker") is None and judging.unit_of(corpus, None) is None


def test_units_are_those_of_the_items_that_were_judged() -> None:
    samples = [Sample(str(i), {}, {"speaker": None if i == 3 else f"s{i // 2}"}) for i in range(5)]
    assert judging.units_of(samples, ["2", "3", "4"], "speaker") == ["s1", "3", "s2"]
    assert judging.units_of(samples, ["2", "4"], None) == ["2", "4"]


def test_a_sample_that_cannot_be_read_is_not_looked_up() -> None:
    class Torn(list[Sample]):
        def __getitem__(self, index: Any) -> Any:
            if index == 2:
                raise OSError("torn")
            return super().__getitem__(index)

    assert [each.id for each in judging.judged(Torn(make_samples(5)), ["0", "1", "3", "4"])] == ["0", "1", "3", "4"]


def test_a_users_own_input() -> None:
    model = make_model("ab", 2)
    found = judging.one_input(model, ("heads.label",), {"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert found.heads["label"].tolist() == [[4.0, 6.0]]
    with pytest.raises(UserError, match=r"also reads b; give: --field b=\.\.\."):
        judging.one_input(model, ("heads.label",), {"a": [1.0, 2.0]})


def test_what_the_corpus_left_out_is_reported() -> None:
    class Corpus:
        used, expected = 7, 10
        targets: Mapping[str, Any] = {"group": None}

    lost = "3 of 10 items of the corpus could not be used and are in no split."
    assert judging.left_out(Corpus()) == [lost]
    Corpus.targets = {"label": ("a", "b")}
    assert judging.left_out(Corpus())[0] == lost and "No column `group`" in judging.left_out(Corpus())[1]
    assert judging.left_out(object()) == []
