from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Losses, Outputs
from mmx_std.objectives.combining import Sampled, Unordered, WeightedSum
from mmx_std.objectives.contrastive import InfoNce

BATCH = Batch(ids=["a", "b"], inputs={"audio": torch.zeros(2, 1)})


class Fixed:
    """An objective of a known loss; its view adds a random number to the input."""

    def __init__(self, loss: float, chance: float | None = 1.0, needs: Sequence[str] = ()) -> None:
        self.loss, self.value, self.needs = loss, chance, needs

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        return replace(batch, inputs={"audio": batch.inputs["audio"] + torch.rand(1, generator=generator)})

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": torch.tensor(self.loss), "half": torch.tensor(self.loss / 2)}

    def chance(self, batch_size: int) -> float | None:
        return None if self.value is None else self.value * batch_size


def step(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_weighted_sum_adds_up_and_names_every_term() -> None:
    total = WeightedSum(objectives={"match": Fixed(2.0), "copy": Fixed(3.0)}, weights={"copy": 10.0})
    losses = total(Outputs(), BATCH)
    assert {name: value.item() for name, value in losses.items()} == {
        "loss": 32.0,
        "match": 2.0,
        "match.half": 1.0,
        "copy": 3.0,
        "copy.half": 1.5,
    }
    assert total.chance(4) == 4 + 40
    assert isinstance(total, Objective)


def test_chance_is_unknown_if_one_that_counts_is() -> None:
    parts = {"match": Fixed(2.0), "copy": Fixed(3.0, chance=None)}
    assert WeightedSum(objectives=parts).chance(4) is None
    assert WeightedSum(objectives=parts, weights={"copy": 0.0}).chance(4) == 4


@pytest.mark.parametrize("combine", [WeightedSum, Sampled])
def test_needs_are_the_union_or_everything(combine: Any) -> None:
    parts = {"match": Fixed(1.0, needs=("fused.a", "fused.b")), "copy": Fixed(1.0, needs=("fused.a",))}
    assert combine(objectives=parts).needs == ("fused.a", "fused.b")
    del parts["copy"].needs
    assert not hasattr(combine(objectives=parts), "needs")


@pytest.mark.parametrize("combine", [WeightedSum, Sampled])
def test_parameters_of_objectives_are_found(combine: Any) -> None:
    assert len(list(combine(objectives={"match": InfoNce(a="a", b="b"), "copy": Fixed(1.0)}).parameters())) == 1


@pytest.mark.parametrize("combine", [WeightedSum, Sampled])
def test_names_that_do_not_fit(combine: Any) -> None:
    option = "weights" if combine is WeightedSum else "ratio"
    with pytest.raises(PortError, match="did you mean 'match'"):
        combine(objectives={"match": Fixed(1.0)}, **{option: {"macth": 1.0}})
    with pytest.raises(PortError, match="'loss'"):
        combine(objectives={"loss": Fixed(1.0)})


def test_views_are_taken_one_after_another() -> None:
    both = WeightedSum(objectives={"b": Fixed(1.0), "a": Fixed(1.0)}).view(BATCH, step(3))
    generator = step(3)
    expected = torch.rand(1, generator=generator) + torch.rand(1, generator=generator)
    assert torch.equal(both.inputs["audio"], expected.expand(2, 1))


def test_sampled_draws_in_the_ratio_given() -> None:
    objective = Sampled(
        objectives={"often": Fixed(1.0), "never": Fixed(2.0), "rare": Fixed(4.0)}, ratio={"often": 3.0, "never": 0.0}
    )
    drawn = Counter(objective.draw(step(number)) for number in range(2000))
    assert set(drawn) == {"often", "rare"}
    # 2000 draws with p = 1/4: standard deviation 19
    assert drawn["rare"] == pytest.approx(500, abs=5 * 19)
    assert objective.chance(1) == pytest.approx(1.0)


def test_what_is_never_drawn_needs_nothing() -> None:
    parts = {"match": Fixed(2.0, needs=["fused.audio"]), "copy": Fixed(3.0, chance=None, needs=["heads.copy"])}
    objective = Sampled(objectives=parts, ratio={"copy": 0.0})
    assert objective.needs == ("fused.audio",)
    assert objective(Outputs(), BATCH)["loss"].item() == 2.0
    assert objective.chance(4) == 4


def test_the_draw_depends_on_the_generator_only() -> None:
    """Two processes, or a run that was resumed, draw the same at the same step whatever was drawn before."""
    make = lambda: Sampled(objectives={"a": Fixed(1.0), "b": Fixed(2.0)})  # noqa: E731
    first, second = make(), make()
    for number in range(5):
        first.view(BATCH, step(number))
    names = [
        [objective.view(BATCH, step(n)).targets[objective.key] for n in range(5, 30)] for objective in (first, second)
    ]
    assert names[0] == names[1]
    assert set(names[0]) == {"a", "b"}


def test_only_the_drawn_objective_is_computed_and_logged() -> None:
    objective = Sampled(objectives={"a": Fixed(1.0), "b": Fixed(2.0)})
    for number in range(8):
        shown = objective.view(BATCH, step(number))
        name = shown.targets[objective.key]
        losses = objective(Outputs(), shown)
        assert losses["loss"].item() == {"a": 1.0, "b": 2.0}[name]
        assert set(losses) == {"loss", name, f"{name}.half", "a.drawn", "b.drawn"}
        assert {each: losses[f"{each}.drawn"].item() for each in "ab"} == {each: float(each == name) for each in "ab"}
        assert not torch.equal(shown.inputs["audio"], BATCH.inputs["audio"])
    assert objective.key not in BATCH.targets


def test_without_a_view_the_expected_loss_is_returned() -> None:
    objective = Sampled(objectives={"a": Fixed(1.0), "b": Fixed(2.0)}, ratio={"a": 3.0})
    losses = objective(Outputs(), BATCH)
    assert losses["loss"].item() == pytest.approx(1.25)
    assert losses["b"].item() == 2.0


def test_they_nest() -> None:
    inner = Sampled(objectives={"x": Fixed(1.0), "y": Fixed(2.0)})
    outer = Sampled(objectives={"inner": inner, "z": Fixed(4.0)})
    seen = set()
    for number in range(40):
        shown = outer.view(BATCH, step(number))
        seen.add(outer(Outputs(), shown)["loss"].item())
    assert seen == {1.0, 2.0, 4.0}


def test_nothing_to_draw() -> None:
    with pytest.raises(PortError, match="at least one"):
        Sampled(objectives={"a": Fixed(1.0)}, ratio={"a": 0.0})


def test_gradients_reach_every_weighted_part() -> None:
    class Square(nn.Module):
        needs = ()

        def __init__(self, start: float) -> None:
            super().__init__()
            self.x = nn.Parameter(torch.tensor(start))

        def forward(self, outputs: Outputs, batch: Batch) -> Losses:
            return {"loss": self.x**2}

        def chance(self, batch_size: int) -> float:
            return math.inf

    parts = {"a": Square(1.0), "b": Square(2.0)}
    WeightedSum(objectives=parts, weights={"b": 0.5})(Outputs(), BATCH)["loss"].backward()
    assert parts["a"].x.grad.item() == 2.0
    assert parts["b"].x.grad.item() == 2.0


def test_unordered_shows_the_steps_in_a_random_order_and_changes_nothing_else() -> None:
    batch = Batch(ids=["a"], inputs={"audio": torch.arange(20.0)[None]})
    objective = Unordered(objective=Fixed(2.0, needs=("heads.label",)), inputs=["audio"])
    assert isinstance(objective, Objective) and objective.needs == ("heads.label",)
    shown = objective.view(batch, step(1))
    offset = torch.rand(1, generator=step(1))  # what the objective's own view adds
    torch.testing.assert_close(shown.inputs["audio"].sort().values, batch.inputs["audio"] + offset)
    assert not torch.equal(shown.inputs["audio"].sort().values, shown.inputs["audio"])
    assert objective(Outputs(), shown)["loss"].item() == 2.0 and objective.chance(4) == 4.0


def test_scores_of_a_sum_are_means_by_port_and_the_drawn_objective_is_the_one_of_now() -> None:
    class Pairs(Fixed):
        def __init__(self, **scores: float) -> None:
            super().__init__(1.0, needs=[f"fused.{name}" for name in scores])
            self.told = scores

        def scores(self, outputs: Outputs, batch: Batch) -> dict[str, torch.Tensor]:
            return {f"fused.{name}": torch.tensor([value, torch.nan]) for name, value in self.told.items()}

    parts = {"one": Pairs(image=0.25, audio=0.5), "two": Pairs(image=0.75, text=1.0), "copy": Fixed(3.0)}
    found = WeightedSum(objectives=parts).scores(Outputs(), BATCH)
    assert {port: float(each[0]) for port, each in found.items()} == {
        **{"fused.image": 0.5, "fused.audio": 0.5, "fused.text": 1.0},
    }
    assert not hasattr(WeightedSum(objectives={"copy": Fixed(3.0)}), "scores")
    sampled = Sampled(objectives=parts, ratio={"one": 0, "copy": 0})
    assert sampled.now(sampled.view(BATCH, step(0))) is parts["two"] and sampled.now(BATCH) is sampled


def test_what_a_sum_compares_with_is_what_its_parts_do() -> None:
    told = Fixed(1.0, needs=["encoded.text", "heads.words"])
    free = Fixed(1.0, needs=["encoded.image"])
    free.given = ()  # type: ignore[attr-defined]
    assert WeightedSum(objectives={"a": told, "b": free}).given == ("text",)
