"""Learning curves of a page: which lines share a plot, and what is marked in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmx.report.learning_curves import changes, plots

Points = Sequence[tuple[int, float]]
TRAIN: Points = [(10, 4.0), (20, 3.0), (30, 2.0), (40, 1.0)]
VAL: Points = [(10, 4.5), (20, 3.2), (30, 3.0), (40, 3.6)]


def figures(text: str) -> list[str]:
    return re.findall(r"<figure class=curve>.*?</figure>", text, re.S)


def test_validation_lies_beside_training_with_its_lowest_step_marked() -> None:
    (plot,) = figures(plots({"train/fit/loss": TRAIN, "val/fit/loss": VAL, "train/fit/chance": [(10, 5.0)]}))
    assert "fit/loss" in plot and "training" in plot and "validation" in plot and "chance 5" in plot
    assert len(re.findall(r'<path class="line', plot)) == 2
    assert "lowest: 3 at step 30" in plot and len(re.findall("<circle", plot)) == 1


def test_weights_that_were_kept_and_an_early_end_are_said() -> None:
    settled: dict[str, Points] = {"val/fit/kept_step": [(40, 30.0)], "val/fit/stopped_step": [(40, 40.0)]}
    (plot,) = figures(
        plots({"train/fit/loss": TRAIN, "val/fit/loss": VAL, **settled, "val/fit/kept_loss": [(40, 3.0)]})
    )
    assert "kept: 3 at step 30" in plot and "ended early" in plot


def test_terms_are_folded_and_each_stands_beside_its_own() -> None:
    found = {f"{split}/{stage}/{name}": TRAIN for split in ("train", "val") for stage in "ab" for name in ("loss", "x")}
    text = plots({**found, "perf/items_per_second": TRAIN, "val/c/loss": VAL})
    assert len(figures(text.partition("<details>")[0])) == 3
    assert len(figures(text.partition("<details>")[2])) == 3
    assert "3 more curves" in text
    assert plots({}) == "" and plots({"train/a/loss": TRAIN[:1]}) == ""


def test_a_jump_is_marked_where_the_weights_of_the_loss_change_once() -> None:
    steps = range(10, 101, 10)
    once = [(step, 1.0 if step < 50 else 7.0) for step in steps]
    between = [(step, 1.0 if step < 50 else 4.0 if step == 50 else 7.0) for step in steps]  # a mean over both
    always = [(step, float(step)) for step in steps]
    assert changes("fit", {"train/fit/lambda_a": once, "train/other/lambda_a": always}) == [50]
    assert changes("fit", {"train/fit/lambda_a": between}) == [50]
    assert changes("fit", {"train/fit/lambda_a": always}) == []
    (plot,) = figures(plots({"train/fit/loss": always, "train/fit/lambda_a": once}).partition("<details>")[0])
    assert "loss weighted anew" in plot
    rising = {"train/fit/loss": always, "train/fit/lambda_a": once, "val/fit/loss": always}
    assert "lowest: 50 at step 50" in plots(rising), "what was lower before was another loss"
